// Owns the paper's Tables 1 and 2 as this run fills them, each row beside the paper's own. Pure.

import type { Direction } from '../paper/paper-rows.ts';
import type { RowResult } from '../run/row-result.ts';
import type { Spread } from '../run/statistics.ts';
import { renderDepth } from '../seen/render-seen.ts';
import { isFio, type Workload } from '../workloads/workload.ts';

export interface LabTable {
  title: string;
  headings: string[];
  rows: string[][];
  /** Why a row is slower than the host, or was not measured; rows that share the sentence together. */
  notes: LabNote[];
  /** The last columns are the paper's. */
  hasPaper: boolean;
}

export interface LabNote {
  rows: string[];
  sentence: string;
}

export const HEADINGS = [
  ...['VMM', 'TARGET', 'DRIVER/INTERFACE', 'MB/S', 'RQ-SZ', 'QU-SZ', 'UTIL', 'OF HOST'],
  ...['PAPER: MB/S', 'RQ-SZ', 'QU-SZ', 'UTIL', 'OF HOST'],
];

const FIO_HEADINGS = [
  ...['VMM', 'TARGET', 'DRIVER/INTERFACE', 'JOB', 'MB/S', 'IOPS', 'MS', 'MS OF 99 %'],
  ...['RQ-SZ', 'QU-SZ', 'UTIL', 'OF HOST'],
];

type StreamWorkload = Exclude<Workload, `fio-${string}`>;

const STREAM_WORKLOADS: readonly StreamWorkload[] = [
  'buffered',
  'direct',
  'hadoop',
  'hadoop-spill',
];

const TITLES: Readonly<Record<Direction, Readonly<Record<StreamWorkload, string>>>> = {
  write: {
    buffered: 'Table 1: write, dd in blocks of 64 KiB, synced at the end',
    direct: 'Write past the page cache (O_DIRECT), dd in blocks of 64 KiB',
    hadoop: 'Write as Hadoop does: two tasks, a large file of checksummed records each, synced',
    'hadoop-spill': 'Spill as Hadoop does: two tasks write pieces, read them back and merge them',
  },
  read: {
    buffered: 'Table 2: read, dd in blocks of 64 KiB',
    direct: 'Read past the page cache (O_DIRECT), dd in blocks of 64 KiB',
    hadoop: 'Read as Hadoop does: two tasks, a large file of checksummed records each',
    'hadoop-spill': '',
  },
};

export const VMM_NAMES: Readonly<Record<RowResult['vmm'], string>> = {
  none: 'None',
  kvm: 'KVM',
  emulation: 'Emulated',
  xen: 'Xen',
  ec2: 'EC2',
};

export const TARGET_NAMES: Readonly<Record<RowResult['target'], string>> = {
  'local-disk': 'Local disk',
  'sparse-file': 'Sparse file',
  'preallocated-file': 'Pre-alloc file',
  'volume-device': 'Volume, host disk',
  volume: 'Volume, VMM',
  'volume-in-guest': 'Volume, in guest',
};

/** Those that have rows, the paper's first. */
export function tablesOf(rows: readonly RowResult[]): LabTable[] {
  const tables: LabTable[] = [];
  for (const workload of STREAM_WORKLOADS) {
    for (const direction of ['write', 'read'] as const) {
      const own = rows.filter((row) => row.direction === direction && row.workload === workload);
      if (own.length > 0) tables.push(tableOf(TITLES[direction][workload], own));
    }
  }
  const jobs = rows.filter(({ workload }) => isFio(workload));
  if (jobs.length > 0) tables.push(fioTable(jobs));
  return tables;
}

function tableOf(title: string, rows: readonly RowResult[]): LabTable {
  const notes = notesOf(rows);
  return { title, headings: HEADINGS, rows: rows.map(cellsOf), notes, hasPaper: true };
}

function fioTable(rows: readonly RowResult[]): LabTable {
  return {
    title: 'fio past the page cache: sequential in blocks of 64 KiB, random and mixed of 4 KiB',
    headings: FIO_HEADINGS,
    rows: rows.map(fioCellsOf),
    notes: notesOf(rows, ({ workload, direction }) => `, ${jobName(workload, direction)}`),
    hasPaper: false,
  };
}

function fioCellsOf(row: RowResult): string[] {
  const { spread, iops, latencyMs } = row;
  return [
    ...[VMM_NAMES[row.vmm], TARGET_NAMES[row.target], `${row.setting}${markOf(row)}`],
    jobName(row.workload, row.direction),
    spread === undefined ? '–' : renderSpread(spread.mbps, renderRate),
    iops === undefined ? '–' : iops.toFixed(0),
    ...(latencyMs === undefined
      ? ['–', '–']
      : [latencyMs.mean.toFixed(2), latencyMs.p99.toFixed(2)]),
    ...seenCells(row),
    spread?.ratio === undefined ? '–' : renderSpread(spread.ratio, renderShare),
  ];
}

/** `random-qd16, read`; a mix is counted by its reads. */
function jobName(workload: Workload, direction: Direction): string {
  return `${workload.replace(/^fio-/, '')}, ${direction}`;
}

function notesOf(
  rows: readonly RowResult[],
  more: (row: RowResult) => string = () => '',
): LabNote[] {
  return groupNotes(rows.map((row) => ({ name: `${nameOf(row)}${more(row)}`, note: noteOf(row) })));
}

/** Rows that share a sentence stand together. */
export function groupNotes(rows: readonly { name: string; note: string | undefined }[]): LabNote[] {
  const named = new Map<string, string[]>();
  for (const { name, note } of rows) {
    if (note !== undefined) named.set(note, [...(named.get(note) ?? []), name]);
  }
  return [...named].map(([sentence, names]) => ({ rows: names, sentence }));
}

/** Defaults are marked as in the paper: (*) Eucalyptus', (+) Ironbark's. */
export function nameOf(row: RowResult): string {
  return [VMM_NAMES[row.vmm], TARGET_NAMES[row.target], `${row.setting}${markOf(row)}`].join(', ');
}

export function markOf({ mark, paper }: RowResult): string {
  if (mark === 'ironbark-default') return ' (+)';
  return mark !== undefined || paper?.isDefault === true ? ' (*)' : '';
}

export function noteOf({
  reason,
  explanation,
}: Pick<RowResult, 'reason' | 'explanation'>): string | undefined {
  if (reason !== undefined) return reason;
  if (explanation?.cause === undefined) return undefined;
  const { sentence, remedy } = explanation;
  return remedy === undefined ? sentence : `${sentence} ${remedy}`;
}

function cellsOf(row: RowResult): string[] {
  const { paper, spread } = row;
  return [
    ...[VMM_NAMES[row.vmm], TARGET_NAMES[row.target], `${row.setting}${markOf(row)}`],
    spread === undefined ? '–' : renderSpread(spread.mbps, renderRate),
    ...seenCells(row),
    spread?.ratio === undefined ? '–' : renderSpread(spread.ratio, renderShare),
    ...(paper === undefined
      ? ['', '', '', '', '']
      : [
          paper.mbps === undefined ? '–' : renderRate(paper.mbps),
          ...seenCells(paper),
          paper.ratio === undefined ? '–' : renderShare(paper.ratio),
        ]),
  ];
}

function seenCells(seen: {
  requestSectors?: number;
  queueDepth?: number;
  utilisation?: number;
}): string[] {
  const { requestSectors, queueDepth, utilisation } = seen;
  if (requestSectors === undefined) return ['–', '–', '–'];
  return [
    requestSectors.toFixed(0),
    renderDepth(queueDepth!),
    `${Math.round(100 * utilisation!)} %`,
  ];
}

/** One figure where there is one, else the one in the middle with the lowest and the highest. */
export function renderSpread(
  { median, lowest, highest }: Spread,
  render: (value: number) => string,
): string {
  const [middle, low, high] = [render(median), render(lowest), render(highest)];
  return low === high ? middle : `${middle} (${low}–${high})`;
}

export function renderRate(mbps: number): string {
  return mbps.toFixed(mbps < 100 ? 1 : 0);
}

export function renderShare(ratio: number): string {
  return `${Math.round(100 * ratio)} %`;
}
