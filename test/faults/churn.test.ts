// The short forms of `npm run faults -- volume-churn` and `attach-loops`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { missedInTest } from '../support/figures.ts';
import { loopAttachments } from './churn/attach-loops.ts';
import { churnVolumes } from './churn/volume-churn.ts';

const ATTACH_MS = 4_000;

test('volumes that live and go while everything fails leave nothing behind', async (t) => {
  const explain = (line: string) => t.diagnostic(line);
  const figures = await churnVolumes({ count: 6, seed: 1, crashes: 0.006, explain });
  assert.deepEqual(missedInTest(figures), []);
});

test('volumes that go from instance to instance while everything fails leave nothing behind', async (t) => {
  const explain = (line: string) => t.diagnostic(line);
  const figures = await loopAttachments({ loops: 4, forMs: ATTACH_MS, seed: 1, explain });
  assert.deepEqual(missedInTest(figures), []);
});
