// Owns the suite of the reconcilers' steps, as the runner starts it.

import type { SuiteOptions } from '../../support/fault-suite.ts';
import type { Figure } from '../../support/figures.ts';
import { measureSteps } from '../../support/simulation/measure-steps.ts';

export async function stepsSuite({ explain }: SuiteOptions): Promise<Figure[]> {
  const { figures, problems } = await measureSteps(true);
  problems.forEach(explain);
  return figures;
}
