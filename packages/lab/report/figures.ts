// Owns the figures of a report, in the form of the paper's: its Figures 2 (what the defaults reach), 3 (Hadoop) and 4
// (netperf), and, of its tables, every driver and interface.

import type { RowResult } from '../run/row-result.ts';
import { isFio } from '../workloads/workload.ts';
import type { Bar, BarChart } from './bars.ts';
import { networkFigureOf } from './network-figure.ts';
import type { RunReport } from './run-report.ts';
import { renderRate, TARGET_NAMES } from './tables.ts';

export interface Figure {
  /** Of its file. */
  name: string;
  chart: BarChart;
}

const OF_HOST =
  'Percent of what the host’s own program gets of the same disk, in the same run. (*) Eucalyptus’ default of 2010, (+) Ironbark’s.';

export function figuresOf({ rows, network, testbed }: MeasuredRows): Figure[] {
  const chart = networkFigureOf(network, testbed.wire?.bitsPerSecond);
  return [...diskFiguresOf(rows), ...(chart === undefined ? [] : [{ name: 'network', chart }])];
}

export type MeasuredRows = Pick<RunReport, 'rows' | 'network' | 'testbed'>;

function diskFiguresOf(rows: readonly RowResult[]): Figure[] {
  const guests = rows.filter(({ vmm }) => vmm !== 'none');
  const figures: Figure[] = [];
  const add = (name: string, title: string, own: readonly RowResult[]) => {
    const groups = groupsOf(own);
    if (groups.length > 0) figures.push({ name, chart: { title, caption: OF_HOST, groups } });
  };
  const paper = (row: RowResult) => row.paper?.isDefault === true || row.mark !== undefined;
  const buffered = guests.filter(({ workload }) => workload === 'buffered');
  add('defaults', 'What defaults reach (as Figure 2 of the paper)', buffered.filter(paper));
  const [volumes, local] = [buffered.filter(isVolume), buffered.filter((row) => !isVolume(row))];
  add('local', 'Local disk, by driver and interface (as Tables 1 and 2)', local);
  add('volumes', 'Networked volume, by driver and interface (as Tables 1 and 2)', volumes);
  const direct = guests.filter(({ workload }) => workload === 'direct');
  add('direct', 'Past the page cache, one request at a time', direct);
  const streams = guests.filter(({ workload }) => workload === 'hadoop');
  add('hadoop', 'Streams of records, as Hadoop’s (as Figure 3 of the paper)', streams);
  const jobs = fioGroupsOf(guests.filter(({ workload }) => isFio(workload)));
  if (jobs.length > 0) figures.push({ name: 'fio', chart: { ...FIO_CHART, groups: jobs } });
  return figures;
}

const FIO_CHART = {
  title: 'fio past the page cache: one request at a time and many, in order and at random',
  caption: OF_HOST,
};

/** The jobs of a driver together, since it is the depth that they differ in. */
function fioGroupsOf(rows: readonly RowResult[]): BarChart['groups'] {
  const name = (row: RowResult) => `${labelOf(row)}, ${row.direction}`;
  const names = [...new Set(rows.map(name))];
  return names.map((each) => ({
    name: each,
    bars: rows
      .filter((row) => name(row) === each)
      .map((row) => ({ ...barOf(row), label: row.workload.replace('fio-', '') })),
  }));
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
  const { ratio, spread, paper } = row;
  const [rate, range] = [spread?.mbps.median, spread?.ratio];
  return {
    label: labelOf(row),
    value: ratio,
    paper: paper?.ratio,
    beside:
      ratio === undefined || rate === undefined
        ? 'not measured here'
        : `${Math.round(100 * ratio)} %, ${renderRate(rate)} MB/s`,
    ...(range === undefined ? {} : { lowest: range.lowest, highest: range.highest }),
  };
}

function starOf({ mark, paper }: RowResult): string {
  if (mark === 'ironbark-default') return ' (+)';
  return mark !== undefined || paper?.isDefault === true ? ' (*)' : '';
}

/** Of a bar: the guest is said only where it is not one of this host's. */
export function labelOf(row: RowResult): string {
  const { vmm, target, setting } = row;
  const where = TARGET_NAMES[target];
  const how = `${setting}${starOf(row)}`;
  return vmm === 'xen' || vmm === 'ec2'
    ? `${vmm === 'xen' ? 'Xen' : 'EC2'}: ${where}, ${how}`
    : `${where}, ${how}`;
}
