// Owns the figures of a report, in the form of the paper's: its Figure 2 (what the defaults reach) and, of its tables,
// every driver and interface. Its Figures 3 (Hadoop) and 4 (netperf) are not measured yet.

import type { RowResult } from '../run/row-result.ts';
import type { Bar, BarChart } from './bars.ts';
import { renderRate, TARGET_NAMES } from './tables.ts';

export interface Figure {
  /** Of its file. */
  name: string;
  chart: BarChart;
}

const OF_HOST = 'Percent of the bandwidth of the host’s own dd on the same disk, in the same run.';

export function figuresOf(rows: readonly RowResult[]): Figure[] {
  const guests = rows.filter(({ vmm }) => vmm !== 'none');
  const figures: Figure[] = [];
  const add = (name: string, title: string, own: readonly RowResult[]) => {
    const groups = groupsOf(own);
    if (groups.length > 0) figures.push({ name, chart: { title, caption: OF_HOST, groups } });
  };
  const paper = (row: RowResult) => row.paper?.isDefault === true || row.mark !== undefined;
  add('defaults', 'What defaults reach (as Figure 2 of the paper)', guests.filter(paper));
  const buffered = guests.filter(({ workload }) => workload === 'buffered');
  const [volumes, local] = [buffered.filter(isVolume), buffered.filter((row) => !isVolume(row))];
  add('local', 'Local disk, by driver and interface (as Tables 1 and 2)', local);
  add('volumes', 'Networked volume, by driver and interface (as Tables 1 and 2)', volumes);
  const direct = guests.filter(({ workload }) => workload === 'direct');
  add('direct', 'Past the page cache, one request at a time', direct);
  return figures;
}

function isVolume({ target }: RowResult): boolean {
  return target.startsWith('volume');
}

function groupsOf(rows: readonly RowResult[]): BarChart['groups'] {
  return (['write', 'read'] as const)
    .map((direction) => ({
      name: direction === 'write' ? 'Write' : 'Read',
      bars: rows.filter((row) => row.direction === direction).map(barOf),
    }))
    .filter(({ bars }) => bars.length > 0);
}

function barOf(row: RowResult): Bar {
  const { ratio, spread, paper, mbps } = row;
  const star = row.mark === 'ironbark-default' ? ' (+)' : '';
  const default2010 = star === '' && (row.mark !== undefined || paper?.isDefault === true);
  const range = spread?.ratio;
  return {
    label: `${labelOf(row)}${star}${default2010 ? ' (*)' : ''}`,
    value: ratio,
    paper: paper?.ratio,
    beside:
      ratio === undefined || mbps === undefined
        ? 'not measured here'
        : `${Math.round(100 * ratio)} %, ${renderRate(mbps)} MB/s`,
    ...(range === undefined ? {} : { lowest: range.lowest, highest: range.highest }),
  };
}

function labelOf({ vmm, target, setting }: RowResult): string {
  const where = TARGET_NAMES[target];
  return vmm === 'xen' || vmm === 'ec2'
    ? `${vmm === 'xen' ? 'Xen' : 'EC2'}: ${where}, ${setting}`
    : `${where}, ${setting}`;
}
