import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoPowerCuts } from '../support/power-cut/power-cut-disk.ts';
import { type PowerCutResult, runPowerCuts } from './power-cut/power-cuts.ts';
import { STORES, type WorkloadName } from './power-cut/workloads.ts';

/** More of them: `npm run faults -- power-cut --count 500`. */
const CUTS_A_STORE = 10;
/** Each bad discipline loses something in nearly every cut. */
const CUTS_A_DISCIPLINE = 6;

const reason = await whyNoPowerCuts();
const skip = reason ?? false;
/** Another one each time; a run that fails tells it, and is repeated with it. */
const seed = Date.now() % 1_000_000;

const cut = (workload: WorkloadName, cuts: number): Promise<PowerCutResult> =>
  runPowerCuts({ workload, cuts, seed });

for (const workload of ['files-with-both-syncs', 'sqlite-full'] as const) {
  test(`the harness finds nothing lost by ${workload}`, { skip }, async () => {
    const { acknowledged, broken } = await cut(workload, CUTS_A_DISCIPLINE);
    assert.deepEqual(broken, [], `seed ${seed}`);
    assert.ok(acknowledged > 0);
  });
}

for (const workload of [
  'files-without-sync',
  'files-without-directory-sync',
  'sqlite-normal',
  'sqlite-full-after-a-crash',
] as const) {
  test(`the harness catches ${workload}`, { skip }, async () => {
    const { acknowledged, broken } = await cut(workload, CUTS_A_DISCIPLINE);
    assert.ok(acknowledged > 0);
    assert.ok(broken.length > 0, `seed ${seed}: nothing lost of ${acknowledged}`);
  });
}

for (const store of STORES) {
  test(`${CUTS_A_STORE} power cuts lose nothing that ${store} has acknowledged`, {
    skip,
  }, async (t) => {
    t.diagnostic(`replay: npm run faults -- power-cut --only ${store} --seed ${seed}`);
    const { acknowledged, broken } = await cut(store, CUTS_A_STORE);
    assert.deepEqual(broken, [], `seed ${seed}`);
    assert.ok(acknowledged > 0);
  });
}
