// Owns the suite of the simulation, as the runner starts it: many small clouds by seed, or one large one.

import type { SuiteOptions } from '../../support/fault-suite.ts';
import type { Figure } from '../../support/figures.ts';
import { measureSimulation } from '../../support/simulation/measure.ts';

const DEFAULT_SEEDS = 200;

export async function simulationSuite(options: SuiteOptions): Promise<Figure[]> {
  const { seed, count = DEFAULT_SEEDS, explain } = options;
  const { figures, violations } = await measureSimulation({ seed, count });
  violations.forEach(explain);
  return figures;
}
