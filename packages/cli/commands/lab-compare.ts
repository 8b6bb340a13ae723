// Owns `ironbark lab compare`: two runs of the lab, or two hosts, row by row; of more runs, how far they agree.

import { resolve } from 'node:path';
import {
  AGREEMENT,
  type Agreement,
  agreementCells,
  agreementHeadings,
  agreementOf,
  describeAgreement,
} from '@ironbark/lab/compare/agreement.ts';
import { type Comparison, compareRuns } from '@ironbark/lab/compare/compare-runs.ts';
import {
  COMPARISON_HEADINGS,
  comparisonCells,
  describeComparison,
} from '@ironbark/lab/compare/comparison-report.ts';
import { writeComparison } from '@ironbark/lab/report/write-report.ts';
import type { CliContext } from '../context.ts';
import { readRun, withPlace } from '../lab-files.ts';
import { Problem } from '../problem.ts';
import { renderTable } from '../terminal.ts';

export interface LabCompareFlags {
  out?: string;
}

/** Two or more paths; the exit code: 1 when several runs do not agree. */
export async function compareLabRuns(
  { terminal }: Pick<CliContext, 'terminal'>,
  paths: readonly string[],
  { out }: LabCompareFlags,
): Promise<number> {
  const [before, after, ...others] = await Promise.all(paths.map(readRun));
  if (others.length > 0) {
    if (out !== undefined) throw new Problem('--out is for the comparison of two runs');
    const agreement = withPlace(paths.join(' '), [], () =>
      agreementOf([before!, after!, ...others], AGREEMENT),
    );
    terminal.result(agreement, () => renderAgreement(agreement));
    return agreement.isMet ? 0 : 1;
  }
  const comparison = compareRuns(before!, after!);
  if (comparison.rows.length === 0) throw new Problem('neither run has measured a row');
  terminal.result(comparison, () => renderForTerminal(comparison));
  if (out === undefined) return 0;
  const [page] = await writeComparison(resolve(out), comparison);
  terminal.note(`The comparison: ${page}`);
  return 0;
}

export function renderForTerminal(comparison: Comparison): string {
  const table = renderTable(COMPARISON_HEADINGS, comparisonCells(comparison));
  return [describeComparison(comparison).join('\n'), table].join('\n\n');
}

export function renderAgreement(agreement: Agreement): string {
  const table = renderTable(agreementHeadings(agreement), agreementCells(agreement));
  return [describeAgreement(agreement), table].join('\n\n');
}
