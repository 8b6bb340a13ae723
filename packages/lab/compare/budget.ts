// Owns a budget: for rows of the matrix, by their ids, the ratio to the host that they may not fall behind; made from a run,
// and held against later ones. Pure.

import type { RunReport } from '../report/run-report.ts';
import { parseMembers, ReportError, requireMembers } from './parse-report.ts';
import { figuresOfRun, type RowFigures } from './run-figures.ts';

/** One of the two. Round trips are times, so theirs is the most. */
export interface RatioBudget {
  atLeast?: number;
  atMost?: number;
}

export interface Budget {
  format: 'ironbark-lab-budget/1';
  /** Ratios on another one mean something else. */
  profile: string;
  ratios: Record<string, RatioBudget>;
}

export interface BudgetLine {
  id: string;
  /** Absent where the run did not measure it. */
  ratio?: number;
  budget: RatioBudget;
  isMet: boolean;
  /** A whole sentence. */
  sentence: string;
}

export interface BudgetCheck {
  format: 'ironbark-lab-check/1';
  isMet: boolean;
  /** In the budget's order. */
  lines: BudgetLine[];
}

const FORMAT = 'ironbark-lab-budget/1';
export const MAX_BUDGET_BYTES = 2 ** 20;
const MOST_RATIOS = 10_000;
/** A guest may be faster than its host, and a round trip many times as long. */
const MOST_RATIO = 100_000;
/** A thousandth is finer than any run repeats. */
const STEPS = 1_000;

/** `margin`: what a later run may differ by from the worst round of this one; 0.05 is a twentieth. */
export function makeBudget(report: RunReport, margin: number): Budget {
  const boundOf = ({ ratio, isLessBetter }: RowFigures): RatioBudget | undefined => {
    if (ratio === undefined) return undefined;
    return isLessBetter
      ? { atMost: Math.ceil(ratio.highest * (1 + margin) * STEPS) / STEPS }
      : { atLeast: Math.floor(ratio.lowest * (1 - margin) * STEPS) / STEPS };
  };
  const ratios: [id: string, budget: RatioBudget][] = [];
  for (const row of figuresOfRun(report)) {
    const bound = boundOf(row);
    if (bound !== undefined) ratios.push([row.id, bound]);
  }
  return { format: FORMAT, profile: report.profile, ratios: Object.fromEntries(ratios) };
}

/** Throws ReportError where the run was measured on something else. */
export function checkBudget(budget: Budget, report: RunReport): BudgetCheck {
  if (budget.profile !== report.profile) {
    throw new ReportError(
      `the budget is for the profile ${budget.profile}, and the run was on ${report.profile}`,
    );
  }
  const rows = new Map(figuresOfRun(report).map((row) => [row.id, row]));
  const lines = Object.entries(budget.ratios).map(([id, ratio]) =>
    checkRow(id, ratio, rows.get(id)),
  );
  return { format: 'ironbark-lab-check/1', isMet: lines.every(({ isMet }) => isMet), lines };
}

/** What was not measured has not been met. */
function checkRow(id: string, budget: RatioBudget, row: RowFigures | undefined): BudgetLine {
  const ratio = row?.ratio?.median;
  if (ratio === undefined) {
    const why = row?.reason ?? 'The run has no ratio of this row.';
    return { id, budget, isMet: false, sentence: `It was not measured: ${why}` };
  }
  const { atLeast, atMost } = budget;
  const isMet = ratio >= (atLeast ?? 0) && ratio <= (atMost ?? Number.POSITIVE_INFINITY);
  const bound = atLeast === undefined ? `at most ${atMost}` : `at least ${atLeast}`;
  const sentence = `The ratio to the host is ${ratio.toFixed(3)}; it has to be ${bound}.`;
  return { id, ratio, budget, isMet, sentence };
}

/** Throws ReportError. */
export function parseBudget(text: string): Budget {
  const { format, profile, ratios: given, ...others } = parseMembers(text);
  if (format !== FORMAT) throw new ReportError(`it is no budget: its format is not ${FORMAT}`);
  const unknown = Object.keys(others)[0];
  if (unknown !== undefined) throw new ReportError(`${unknown} is not known in a budget`);
  if (typeof profile !== 'string') throw new ReportError('profile has to be a string');
  const entries = Object.entries(requireMembers(given, 'ratios'));
  if (entries.length === 0 || entries.length > MOST_RATIOS) {
    throw new ReportError(`ratios has to have 1 to ${MOST_RATIOS} rows: without one, all is met`);
  }
  const ratios = entries.map(([id, value]) => [id, parseRatio(id, value)] as const);
  return { format: FORMAT, profile, ratios: Object.fromEntries(ratios) };
}

function parseRatio(id: string, value: unknown): RatioBudget {
  const entries = Object.entries(requireMembers(value, `ratios["${id}"]`));
  const [name, bound] = entries[0] ?? [];
  const isNumber = typeof bound === 'number' && bound >= 0 && bound <= MOST_RATIO;
  if (entries.length === 1 && isNumber && (name === 'atLeast' || name === 'atMost')) {
    return { [name]: bound };
  }
  throw new ReportError(`ratios["${id}"] has to have atLeast or atMost, from 0 to ${MOST_RATIO}`);
}
