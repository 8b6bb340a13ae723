// Owns the suite of crash points, as the runner starts it.

import type { FaultSuite } from '../../support/fault-suite.ts';
import type { Figure } from '../../support/figures.ts';
import { type CrashResult, runCrashes } from './crash-run.ts';
import { CRASH_STORES } from './stores.ts';

export const crashPointSuite: FaultSuite = async ({ seed, only, explain, count }) => {
  const stores = CRASH_STORES.filter((name) => only === undefined || name === only);
  if (stores.length === 0)
    throw new Error(`no store ${only}: there are ${CRASH_STORES.join(', ')}`);
  const figures: Figure[] = [];
  for (const workload of stores) {
    const result = await runCrashes({ workload, count, seed, onBroken: explain });
    explain(`${workload}: ${result.points} points, ${result.crashes} crashes`);
    figures.push(...crashFigures(workload, result));
  }
  return figures;
};

function crashFigures(store: string, { crashes, acknowledged, broken }: CrashResult): Figure[] {
  const isBroken = broken.length > 0;
  return [
    // A run in which nothing crashed, or nothing was acknowledged, has shown nothing.
    { name: `${store}: crashes`, value: crashes, bar: 1, ok: crashes > 0 },
    { name: `${store}: acknowledged`, value: acknowledged, bar: 1, ok: acknowledged > 0 },
    { name: `${store}: lost, torn or left over`, value: broken.length, bar: 0, ok: !isBroken },
  ];
}
