// Owns the comparison of two runs, or of two hosts: their rows side by side, and what differs by more than the figures of
// one run differ among themselves. Pure.

import type { RunReport } from '../report/run-report.ts';
import type { Spread } from '../run/statistics.ts';
import { AGREEMENT } from './agreement.ts';
import { figuresOfRun, type RowFigures } from './run-figures.ts';

/** `only-before`, `only-after`: the other run did not measure it. */
export type Verdict = 'same' | 'better' | 'worse' | 'only-before' | 'only-after';

export interface Compared {
  before: Spread;
  after: Spread;
  /** Of the figures in the middle: 0.1 is a tenth more. */
  change: number;
}

export interface ComparedRow extends Pick<RowFigures, 'id' | 'name' | 'measure' | 'unit'> {
  value?: Compared;
  ratio?: Compared;
  verdict: Verdict;
  /** Why the other run did not measure it, as far as it says so. */
  reason?: string;
}

export interface ComparedRun {
  startedAt: string;
  host: string;
  profile: string;
  load: readonly [before: number, after: number];
}

export interface Comparison {
  format: 'ironbark-lab-comparison/1';
  before: ComparedRun;
  after: ComparedRun;
  /** What the runs were not measured with alike; whole sentences. */
  differences: string[];
  /** Those that one of the runs measured at least, in the order of the later one. */
  rows: ComparedRow[];
  counts: Record<Verdict, number>;
}

export function compareRuns(before: RunReport, after: RunReport): Comparison {
  const rows = compareFigures(figuresOfRun(before), figuresOfRun(after));
  const counts = { same: 0, better: 0, worse: 0, 'only-before': 0, 'only-after': 0 };
  for (const { verdict } of rows) counts[verdict] += 1;
  return {
    format: 'ironbark-lab-comparison/1',
    ...{ before: runOf(before), after: runOf(after), rows, counts },
    differences: differencesOf(before, after),
  };
}

function runOf({ startedAt, profile, environment: { host, load } }: RunReport): ComparedRun {
  return { startedAt, host, profile, load };
}

function differencesOf(before: RunReport, after: RunReport): string[] {
  const facts = (run: RunReport): readonly [name: string, value: string][] => [
    ['profile', run.profile],
    ['testbed', JSON.stringify(run.testbed)],
    ['bytes of a transfer', String(run.sizeBytes)],
    ['rounds', String(run.repeat)],
    ['host', run.environment.host],
    ['kernel', run.environment.kernel],
    ['processors', String(run.environment.processors)],
    ['hypervisor', run.environment.hypervisor],
    ['acceleration', run.environment.acceleration],
  ];
  const later = facts(after);
  return facts(before).flatMap(([name, value], index) => {
    const other = later[index]![1];
    return value === other ? [] : [`The ${name}: ${value} before, ${other} after.`];
  });
}

function compareFigures(before: readonly RowFigures[], after: readonly RowFigures[]) {
  const earlier = new Map(before.map((row) => [row.id, row]));
  const later = new Set(after.map(({ id }) => id));
  const rows = [
    ...after.map((row) => compareRow(earlier.get(row.id), row)),
    ...before.filter(({ id }) => !later.has(id)).map((row) => compareRow(row, undefined)),
  ];
  return rows.filter((row) => row !== undefined);
}

function compareRow(
  before: RowFigures | undefined,
  after: RowFigures | undefined,
): ComparedRow | undefined {
  const { id, name, measure, unit, isLessBetter } = (after ?? before)!;
  if (before?.value === undefined && after?.value === undefined) return undefined;
  const row = { id, name, measure, unit };
  if (before?.value === undefined) return { ...row, ...oneSided('only-after', before) };
  if (after?.value === undefined) return { ...row, ...oneSided('only-before', after) };
  const value = compareSpreads(before.value, after.value);
  const ratio =
    before.ratio === undefined || after.ratio === undefined
      ? undefined
      : compareSpreads(before.ratio, after.ratio);
  const verdict = verdictOf(ratio ?? value, isLessBetter);
  return { ...row, value, ...(ratio === undefined ? {} : { ratio }), verdict };
}

function oneSided(verdict: 'only-before' | 'only-after', other: RowFigures | undefined) {
  return { verdict, ...(other?.reason === undefined ? {} : { reason: other.reason }) };
}

function compareSpreads(before: Spread, after: Spread): Compared {
  return { before, after, change: after.median / before.median - 1 };
}

/** Beyond what runs on one host agree to, and with no round of the one among those of the other. */
function verdictOf({ before, after, change }: Compared, isLessBetter: boolean): Verdict {
  const isApart = after.lowest > before.highest || after.highest < before.lowest;
  if (!isApart || Math.abs(change) <= AGREEMENT) return 'same';
  return change > 0 === isLessBetter ? 'worse' : 'better';
}
