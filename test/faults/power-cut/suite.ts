// Owns the suite of power cuts, as the runner starts it.

import type { SuiteOptions } from '../../support/fault-suite.ts';
import type { Figure } from '../../support/figures.ts';
import { whyNoPowerCuts } from '../../support/power-cut/power-cut-disk.ts';
import { powerCutFigures } from './figures.ts';
import { runPowerCuts } from './power-cuts.ts';
import { STORES, type StoreName } from './workloads.ts';

const DEFAULT_CUTS = 50;

export async function powerCutSuite(options: SuiteOptions): Promise<Figure[]> {
  const { seed, only, explain, count: cuts = DEFAULT_CUTS } = options;
  const reason = await whyNoPowerCuts();
  if (reason !== undefined) throw new Error(reason);
  const stores = STORES.filter((name) => only === undefined || name === only);
  if (stores.length === 0) throw new Error(`no store ${only}: there are ${STORES.join(', ')}`);
  const figures: Figure[] = [];
  for (const workload of stores) {
    const onCut = ({ broken }: { broken: readonly string[] }) => broken.forEach(explain);
    const result = await runPowerCuts({ workload, cuts, seed, onCut });
    explain(`${workload}: ${cuts} cuts from seed ${seed}`);
    figures.push(...powerCutFigures(workload as StoreName, result));
  }
  return figures;
}
