// Owns the paper's Tables 1 and 2 as this run fills them, each row beside the paper's own. Pure.

import type { Workload } from '../matrix/configuration.ts';
import type { Direction } from '../paper/paper-rows.ts';
import type { RowResult } from '../run/row-result.ts';
import type { Spread } from '../run/statistics.ts';
import { renderDepth } from '../seen/render-seen.ts';

export interface LabTable {
  title: string;
  headings: string[];
  rows: string[][];
  /** Why a row is slower than the host, or was not measured; rows that share the sentence together. */
  notes: LabNote[];
}

export interface LabNote {
  rows: string[];
  sentence: string;
}

export const HEADINGS = [
  ...['VMM', 'TARGET', 'DRIVER/INTERFACE', 'MB/S', 'RQ-SZ', 'QU-SZ', 'UTIL', 'OF HOST'],
  ...['PAPER: MB/S', 'RQ-SZ', 'QU-SZ', 'UTIL', 'OF HOST'],
];

const TITLES: Readonly<Record<Direction, Readonly<Record<Workload, string>>>> = {
  write: {
    buffered: 'Table 1: write, dd in blocks of 64 KiB, synced at the end',
    direct: 'Write past the page cache (O_DIRECT), dd in blocks of 64 KiB',
  },
  read: {
    buffered: 'Table 2: read, dd in blocks of 64 KiB',
    direct: 'Read past the page cache (O_DIRECT), dd in blocks of 64 KiB',
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

/** Those that have rows, in the paper's order. */
export function tablesOf(rows: readonly RowResult[]): LabTable[] {
  const tables: LabTable[] = [];
  for (const workload of ['buffered', 'direct'] as const) {
    for (const direction of ['write', 'read'] as const) {
      const own = rows.filter((row) => row.direction === direction && row.workload === workload);
      if (own.length > 0) tables.push(tableOf(TITLES[direction][workload], own));
    }
  }
  return tables;
}

function tableOf(title: string, rows: readonly RowResult[]): LabTable {
  return {
    title,
    headings: HEADINGS,
    rows: rows.map(cellsOf),
    notes: notesOf(rows),
  };
}

function notesOf(rows: readonly RowResult[]): LabNote[] {
  const named = new Map<string, string[]>();
  for (const row of rows) {
    const sentence = noteOf(row);
    if (sentence !== undefined) named.set(sentence, [...(named.get(sentence) ?? []), nameOf(row)]);
  }
  return [...named].map(([sentence, names]) => ({ rows: names, sentence }));
}

/** Defaults are marked as in the paper: (*) Eucalyptus', (+) Ironbark's. */
export function nameOf(row: RowResult): string {
  return [VMM_NAMES[row.vmm], TARGET_NAMES[row.target], `${row.setting}${markOf(row)}`].join(', ');
}

function markOf({ mark, paper }: RowResult): string {
  if (mark === 'ironbark-default') return ' (+)';
  return mark !== undefined || paper?.isDefault === true ? ' (*)' : '';
}

function noteOf({ reason, explanation }: RowResult): string | undefined {
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
          renderRate(paper.mbps),
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
function renderSpread(
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
