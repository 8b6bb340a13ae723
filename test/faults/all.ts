// Owns `npm run faults -- all`: every suite, one after the other, and one table of all their figures.

import type { FaultSuite } from '../support/fault-suite.ts';
import type { Figure } from '../support/figures.ts';
import { SUITES } from './suites.ts';

/** A few minutes in all, to see that everything runs; a suite that is not listed has its own measure. */
const QUICK_COUNTS: Readonly<Record<string, number>> = {
  backup: 1,
  'bit-rot': 500,
  'crash-points': 5,
  'daemon-kill': 3,
  'power-cut': 5,
  simulation: 20,
  'volume-churn': 30,
};
const QUICK_MINUTES: Readonly<Record<string, number>> = { 'attach-loops': 1 };

/** One installs a whole Ceph, and one has a guest do in a few minutes what tests have it do once. */
const LEFT_OUT_OF_QUICK: ReadonlySet<string> = new Set(['ceph', 'guest-snapshots']);

export function runAll({ isQuick }: { isQuick: boolean }): FaultSuite {
  return async (options) => {
    const figures: Figure[] = [];
    for (const [name, load] of Object.entries(SUITES)) {
      if (isQuick && LEFT_OUT_OF_QUICK.has(name)) continue;
      options.explain(`${name} …`);
      const count = options.count ?? (isQuick ? QUICK_COUNTS[name] : undefined);
      const minutes = options.minutes ?? (isQuick ? QUICK_MINUTES[name] : undefined);
      figures.push(...(await runOne(name, load, { ...options, count, minutes })));
    }
    return figures;
  };
}

/** A suite that cannot run on this host has shown nothing, and the others still can. */
async function runOne(
  name: string,
  load: () => Promise<FaultSuite>,
  options: Parameters<FaultSuite>[0],
): Promise<Figure[]> {
  try {
    const suite = await load();
    return (await suite(options)).map((figure) => ({ ...figure, name: `${name}: ${figure.name}` }));
  } catch (error) {
    options.explain(`${name}: ${error instanceof Error ? error.message : error}`);
    return [{ name: `${name}: ran`, value: 0, bar: 1, ok: false }];
  }
}
