import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isLinearizable } from './s3-consistency/linearizability.ts';
import { runClients } from './s3-consistency/run-clients.ts';

/** 100,000, with a kill every 5 s: `npm run faults -- s3-consistency`. */
const OPERATIONS = 500;
const KILL_EVERY_MS = 500;

test('what clients see of a key that they share is as if one after another, while Walrus is killed', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-consistency-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const run = { folder, operations: OPERATIONS, seed, killEveryMs: KILL_EVERY_MS };
  const { histories, strange, kills } = await runClients(run);
  assert.deepEqual(strange, []);
  assert.ok(kills > 0);
  const wrong = [...histories].filter(([, history]) => !isLinearizable(history));
  assert.deepEqual(wrong, []);
});
