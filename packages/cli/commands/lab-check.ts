// Owns `ironbark lab check`: a run held against a budget of ratios, for builds; and the budget made from a run.

import { resolve } from 'node:path';
import { renderCount } from '@ironbark/core/units.ts';
import {
  type Budget,
  type BudgetCheck,
  checkBudget,
  makeBudget,
} from '@ironbark/lab/compare/budget.ts';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import { replaceFile } from '@ironbark/platform/files.ts';
import type { CliContext } from '../context.ts';
import { readBudget, readRun, withPlace } from '../lab-files.ts';
import { Problem } from '../problem.ts';

export interface LabCheckFlags {
  budget: string;
  write?: boolean;
  /** Percent. */
  margin: number;
}

/** The exit code: 1 when a ratio has fallen. */
export async function checkLabRun(
  { terminal }: Pick<CliContext, 'terminal'>,
  path: string,
  flags: LabCheckFlags,
): Promise<number> {
  const report = await readRun(path);
  if (flags.write === true) {
    const budget = await writeBudget(report, flags);
    terminal.result(budget, () => `${renderBounds(budget)} in ${flags.budget}`);
    return 0;
  }
  const budget = await readBudget(flags.budget);
  const check = withPlace(path, [], () => checkBudget(budget, report));
  terminal.result(check, () => renderCheck(check));
  return check.isMet ? 0 : 1;
}

async function writeBudget(report: RunReport, flags: LabCheckFlags): Promise<Budget> {
  const budget = makeBudget(report, flags.margin / 100);
  if (Object.keys(budget.ratios).length === 0) {
    throw new Problem('the run has measured no ratio, so a budget from it would hold of nothing');
  }
  const text = `${JSON.stringify(budget, undefined, 2)}\n`;
  await replaceFile(resolve(flags.budget), text, { mode: 0o644 });
  return budget;
}

function renderBounds({ ratios }: Budget): string {
  return renderCount(Object.keys(ratios).length, 'bounds');
}

function renderCheck({ lines }: BudgetCheck): string {
  const fallen = lines.filter(({ isMet }) => !isMet);
  if (fallen.length === 0) return `Met: ${renderCount(lines.length, 'ratios')}.`;
  return [
    `Not met: ${fallen.length} of ${renderCount(lines.length, 'ratios')}.`,
    ...fallen.map(({ id, sentence }) => `  ${id}\n    ${sentence}`),
  ].join('\n');
}
