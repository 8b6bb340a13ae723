// Owns the suite of power cuts, as the runner starts it: every store meets every cut.

import type { FaultSuite } from '../../support/fault-suite.ts';
import { whyNoPowerCuts } from '../../support/power-cut/power-cut-disk.ts';
import { FORMS, LONGER_FORMS, STORES } from '../workloads/workloads.ts';
import { powerCutFigures } from './figures.ts';
import { runPowerCuts } from './power-cuts.ts';

const DEFAULT_CUTS = 50;
/** Whoever waits for 500 of them wants to hear how far it is. */
const CUTS_A_LINE = 10;

export const powerCutSuite: FaultSuite = async (options) => {
  const { seed, only, explain, count: cuts = DEFAULT_CUTS } = options;
  const reason = await whyNoPowerCuts();
  if (reason !== undefined) throw new Error(reason);
  const all = [...STORES, ...FORMS, ...LONGER_FORMS];
  const workloads = only === undefined ? STORES : all.filter((name) => name === only);
  if (workloads.length === 0) throw new Error(`no store ${only}: there are ${all.join(', ')}`);
  const onCut = (number: number) => {
    if (number % CUTS_A_LINE === 0) explain(`${number} of ${cuts} cuts`);
  };
  const results = await runPowerCuts({ workloads, cuts, seed, onCut, onBroken: explain });
  return [...results].flatMap(([store, result]) => powerCutFigures(store, cuts, result));
};
