// Owns a row of the block benchmark: what was measured in one run, against the host and against its bar.

export interface BlockRow {
  /** As the design's table numbers it, or a word of its second table. */
  row: string;
  name: string;
  /** Median of the repeats; undefined when it could not be measured here. */
  value: number | undefined;
  unit: string;
  bar: number;
  /** On which side of the bar it has to be. */
  is: 'at-least' | 'at-most';
  /** A missed one fails the benchmark whatever the load: it does not depend on it. */
  isHard: boolean;
  /** The host's own figure that it is compared with, and what else explains it. */
  beside: string;
}

export interface BarOptions {
  row: string;
  isHard?: boolean;
}

/** More digits would be noise. */
const DIGITS = 3;

export function atLeast(
  options: BarOptions,
  name: string,
  measured: { value: number; bar: number; unit?: string; beside?: string },
): BlockRow {
  return { ...toRow(options, name, measured), is: 'at-least' };
}

export function atMost(
  options: BarOptions,
  name: string,
  measured: { value: number; bar: number; unit?: string; beside?: string },
): BlockRow {
  return { ...toRow(options, name, measured), is: 'at-most' };
}

/** A row that cannot be had here is said to be missing; it is never counted as reached. */
export function notRun(row: string, name: string, why: string): BlockRow {
  const nothing = { value: undefined, unit: '', bar: 0, is: 'at-least', isHard: false } as const;
  return { row, name, ...nothing, beside: why };
}

function toRow(
  { row, isHard = false }: BarOptions,
  name: string,
  {
    value,
    bar,
    unit = 'x',
    beside = '',
  }: { value: number; bar: number; unit?: string; beside?: string },
): Omit<BlockRow, 'is'> {
  return { row, name, value, unit, bar, isHard, beside };
}

export type Verdict = 'ok' | 'MISSED' | 'not run';

export function verdictOf({ value, bar, is }: BlockRow): Verdict {
  if (value === undefined) return 'not run';
  return (is === 'at-least' ? value >= bar : value <= bar) ? 'ok' : 'MISSED';
}

export function renderRows(rows: readonly BlockRow[]): string {
  const name = Math.max(...rows.map((row) => row.name.length));
  const lines = rows.map((row) => {
    const value = row.value === undefined ? '-' : row.value.toPrecision(DIGITS);
    const sign = row.is === 'at-least' ? '≥' : '≤';
    const bar = row.value === undefined ? '' : `${sign} ${row.bar}`;
    const verdict = `${verdictOf(row)}${row.isHard ? ' (hard)' : ''}`;
    const columns = [
      row.row.padEnd(7),
      row.name.padEnd(name),
      value.padStart(8),
      row.unit.padEnd(4),
    ];
    return `${columns.join('  ')} ${bar.padEnd(8)} ${verdict.padEnd(14)} ${row.beside}`;
  });
  return lines.join('\n');
}
