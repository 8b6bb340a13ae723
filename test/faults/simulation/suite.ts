// Owns the suite of the simulation, as the runner starts it: many small clouds by seed, or one with many nodes.

import type { SuiteOptions } from '../../support/fault-suite.ts';
import type { Figure } from '../../support/figures.ts';
import { measureFleet } from '../../support/simulation/fleet.ts';
import { measureSimulation } from '../../support/simulation/measure.ts';

const DEFAULT_SEEDS = 200;

export async function simulationSuite(options: SuiteOptions): Promise<Figure[]> {
  const { seed, nodes, count = DEFAULT_SEEDS, explain } = options;
  if (nodes !== undefined) return measureFleet({ nodes, seed, explain });
  const { figures, violations } = await measureSimulation({ seed, count });
  violations.forEach(explain);
  return figures;
}
