// Owns the suite `network`: ports that come and go, groups that change, rules that somebody takes away and daemons that
// are killed, and at the end a kernel that has what the model says and nothing else. What a change costs is measured
// with few ports and with many.

import type { FaultSuite } from '../../support/fault-suite.ts';
import { atMost, type Figure } from '../../support/figures.ts';
import { NetworkChurn } from './churn.ts';
import { strangersIn } from './kernel-view.ts';

const PORTS = 1_000;
const FEW_PORTS = 10;
const MINUTES = 3;
const SAMPLES = 15;
/** A change costs no more with a hundred times the ports. */
const MAX_RATIO = 1.5;

export const networkSuite: FaultSuite = async (options) => {
  const { seed, guests = PORTS, minutes = MINUTES, explain } = options;
  await using churn = await NetworkChurn.open(seed);
  await churn.grow(FEW_PORTS);
  const few = await churn.costs(SAMPLES);
  explain(`${FEW_PORTS} ports: ${JSON.stringify(few)} ms`);
  await churn.grow(guests);
  const many = await churn.costs(SAMPLES);
  explain(`${guests} ports: ${JSON.stringify(many)} ms`);
  await churn.run(minutes * 60_000, explain);
  const strangers = await strangersIn(churn);
  for (const stranger of strangers.slice(0, 20)) explain(stranger);
  const costs = (['port', 'membership', 'rule'] as const).map((what): Figure => {
    const ratio = Number((many[what] / few[what]).toFixed(2));
    return atMost(`${what}, ${guests} ports / ${FEW_PORTS}`, ratio, MAX_RATIO);
  });
  return [...costs, atMost('differences from the model', strangers.length, 0)];
};
