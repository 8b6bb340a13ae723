// Owns `ironbark lab compare`: two runs of the lab, or two hosts, row by row.

import { resolve } from 'node:path';
import { type Comparison, compareRuns } from '@ironbark/lab/compare/compare-runs.ts';
import {
  COMPARISON_HEADINGS,
  comparisonCells,
  describeComparison,
} from '@ironbark/lab/compare/comparison-report.ts';
import { writeComparison } from '@ironbark/lab/report/write-report.ts';
import type { CliContext } from '../context.ts';
import { readRun } from '../lab-files.ts';
import { Problem } from '../problem.ts';
import { renderTable } from '../terminal.ts';

export interface LabCompareFlags {
  out?: string;
}

export async function compareLabRuns(
  { terminal }: Pick<CliContext, 'terminal'>,
  [before, after]: readonly [before: string, after: string],
  { out }: LabCompareFlags,
): Promise<void> {
  const comparison = compareRuns(await readRun(before), await readRun(after));
  if (comparison.rows.length === 0) throw new Problem('neither run has measured a row');
  terminal.result(comparison, () => renderForTerminal(comparison));
  if (out === undefined) return;
  const [page] = await writeComparison(resolve(out), comparison);
  terminal.note(`The comparison: ${page}`);
}

export function renderForTerminal(comparison: Comparison): string {
  const table = renderTable(COMPARISON_HEADINGS, comparisonCells(comparison));
  return [describeComparison(comparison).join('\n'), table].join('\n\n');
}
