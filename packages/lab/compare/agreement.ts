// Owns how far several runs of the same agree: for each ratio to the host, the share by which the highest is above the lowest.
// Pure.

import type { RunReport } from '../report/run-report.ts';
import { ReportError } from './parse-report.ts';
import { figuresOfRun, type RowFigures } from './run-figures.ts';

/** To which runs on one host are to agree. */
export const AGREEMENT = 0.05;

export interface AgreementRow extends Pick<RowFigures, 'id' | 'name' | 'measure'> {
  /** Of each run, in their order; absent where it has none. */
  ratios: (number | undefined)[];
  /** 0.05: the highest is a twentieth above the lowest. Absent where a run has no ratio. */
  apart?: number;
  agrees: boolean;
}

export interface Agreement {
  format: 'ironbark-lab-agreement/1';
  within: number;
  runs: { startedAt: string; host: string; profile: string; tookSeconds: number; load: number[] }[];
  /** Those of which a run has a ratio, the furthest apart first. */
  rows: AgreementRow[];
  agreeing: number;
  /** All of them do. */
  isMet: boolean;
}

/** `runs`: two at least. Throws ReportError where none of them has a ratio, or they were measured on different things. */
export function agreementOf(runs: readonly RunReport[], within: number): Agreement {
  const profiles = [...new Set(runs.map(({ profile }) => profile))];
  if (profiles.length > 1) {
    throw new ReportError(`ratios on different profiles are different: ${profiles.join(', ')}`);
  }
  const figures = runs.map((run) => new Map(figuresOfRun(run).map((row) => [row.id, row])));
  const known = new Map(figures.flatMap((rows) => [...rows]));
  const rows = [...known.values()]
    .map((row) => agreementRow(row, figures, within))
    .filter(({ ratios }) => ratios.some((ratio) => ratio !== undefined));
  if (rows.length === 0) throw new ReportError('the runs have no ratio to the host');
  const agreeing = rows.filter(({ agrees }) => agrees).length;
  const furthest = ({ apart = Number.POSITIVE_INFINITY }: AgreementRow) => apart;
  return {
    ...{ format: 'ironbark-lab-agreement/1', within, agreeing, isMet: agreeing === rows.length },
    runs: runs.map(({ startedAt, profile, tookSeconds, environment: { host, load } }) => ({
      ...{ startedAt, host, profile, tookSeconds, load: [...load] },
    })),
    rows: rows.toSorted((one, other) => furthest(other) - furthest(one)),
  };
}

function agreementRow(
  { id, name, measure }: RowFigures,
  figures: readonly ReadonlyMap<string, RowFigures>[],
  within: number,
): AgreementRow {
  const ratios = figures.map((rows) => rows.get(id)?.ratio?.median);
  const all = ratios.filter((ratio) => ratio !== undefined);
  const row = { id, name, measure, ratios };
  if (all.length < ratios.length || all.some((ratio) => ratio === 0)) {
    return { ...row, agrees: false };
  }
  const apart = Math.max(...all) / Math.min(...all) - 1;
  return { ...row, apart, agrees: apart <= within };
}

export function agreementHeadings({ runs }: Agreement): string[] {
  return ['row', 'what', ...runs.map((_, index) => `run ${index + 1}`), 'apart'];
}

export function agreementCells({ rows }: Agreement): string[][] {
  return rows.map(({ name, measure, ratios, apart }) => [
    ...[name, measure],
    ...ratios.map((ratio) => ratio?.toFixed(2) ?? '–'),
    apart === undefined ? '–' : `${(100 * apart).toFixed(1)} %`,
  ]);
}

/** In sentences. */
export function describeAgreement({ runs, rows, agreeing, within }: Agreement): string {
  const [worst] = rows;
  const seconds = runs.map(({ tookSeconds }) => Math.round(tookSeconds)).join(', ');
  const loads = runs.flatMap(({ load }) => load);
  const load = `${Math.min(...loads).toFixed(1)} to ${Math.max(...loads).toFixed(1)}`;
  const furthest =
    worst?.apart === undefined
      ? `${worst?.name}, ${worst?.measure}, is not in all of them`
      : `the furthest are ${(100 * worst.apart).toFixed(0)} % apart: ${worst.name}, ${worst.measure}`;
  return [
    `${runs.length} runs of ${seconds} s, at a load of ${load}.`,
    `${agreeing} of ${rows.length} ratios to the host are within ${100 * within} %; ${furthest}.`,
  ].join('\n');
}
