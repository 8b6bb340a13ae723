// Owns the simulation in the test run: 200 seeds, of which some are run twice and some lose messages only.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureSimulation } from '../support/simulation/measure.ts';

const SEEDS = 200;

test('200 seeds end without orphans and doubles, with every acknowledged call kept', async (t) => {
  const { figures, violations } = await measureSimulation({ count: SEEDS, seed: 1 });
  for (const { name, value } of figures) t.diagnostic(`${name}: ${value}`);
  assert.deepEqual(violations, []);
});
