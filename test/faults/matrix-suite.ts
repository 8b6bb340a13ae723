// Owns `npm run faults -- matrix`: the authorization matrix, in figures.

import {
  runMatrix,
  unmatchedActions,
  unmatchedReferences,
} from '../support/authorization-matrix.ts';
import type { FaultSuite } from '../support/fault-suite.ts';
import type { Figure } from '../support/figures.ts';
import { unmatchedRoutes } from '../support/matrix-objects.ts';
import { startTwoAccounts } from '../support/two-accounts.ts';

/** Fewer would mean that the generator has lost a table. */
const FEWEST_REQUESTS = 1_000;

export const matrixSuite: FaultSuite = async ({ explain }) => {
  await using accounts = await startTwoAccounts();
  const unmatched = [...unmatchedActions(), ...unmatchedReferences(), ...unmatchedRoutes()];
  const { sent, actions, wrong, changes } = await runMatrix(accounts);
  for (const line of [...unmatched, ...wrong, ...changes]) explain(line);
  return [
    none('actions, ids and routes without a row', unmatched.length),
    { name: 'operations asked', value: actions, bar: 1, ok: actions > 0 },
    { name: 'requests sent', value: sent, bar: FEWEST_REQUESTS, ok: sent >= FEWEST_REQUESTS },
    none('requests answered wrongly', wrong.length),
    none('changes by requests without the right', changes.length),
  ];
};

function none(name: string, value: number): Figure {
  return { name, value, bar: 0, ok: value === 0 };
}
