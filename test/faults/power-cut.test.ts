import assert from 'node:assert/strict';
import { test } from 'node:test';
import { whyNoPowerCuts } from '../support/power-cut/power-cut-disk.ts';
import { type PowerCutResult, runPowerCuts } from './power-cut/power-cuts.ts';
import { FORMS, STORES, type WorkloadName } from './workloads/workloads.ts';

/** More of them: `npm run faults -- power-cut --count 500`. */
const CUTS = 50;
const CUTS_A_DISCIPLINE = 6;
const CUTS_A_FORM = 5;
/** Each bad discipline loses something in every second cut or so. */
const MAX_CUTS_UNTIL_BROKEN = 25;

const reason = await whyNoPowerCuts();
const skip = reason ?? false;
/** Another one each time; a run that fails tells it, and is repeated with it. */
const seed = Date.now() % 1_000_000;

async function cut(workload: WorkloadName, cuts: number): Promise<PowerCutResult> {
  const results = await runPowerCuts({ workloads: [workload], cuts, seed });
  return results.get(workload)!;
}

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
    const run = { workloads: [workload], cuts: MAX_CUTS_UNTIL_BROKEN, seed, untilBroken: true };
    // After a crash nothing may have been acknowledged: what the next process believed is lost.
    const { broken } = (await runPowerCuts(run)).get(workload)!;
    assert.ok(broken.length > 0, `seed ${seed}: nothing lost`);
  });
}

for (const workload of FORMS) {
  test(`${CUTS_A_FORM} power cuts lose nothing of ${workload}`, { skip }, async (t) => {
    t.diagnostic(`more: npm run faults -- power-cut --only ${workload} --count 50 --seed ${seed}`);
    const { acknowledged, broken } = await cut(workload, CUTS_A_FORM);
    assert.deepEqual(broken, [], `seed ${seed}`);
    assert.ok(acknowledged > 0);
  });
}

test(`${CUTS} power cuts lose nothing that a store has acknowledged`, { skip }, async (t) => {
  t.diagnostic(`replay: npm run faults -- power-cut --count ${CUTS} --seed ${seed}`);
  const results = await runPowerCuts({ workloads: STORES, cuts: CUTS, seed });
  assert.deepEqual([...results.keys()], [...STORES]);
  for (const [store, { acknowledged, broken }] of results) {
    t.diagnostic(`${store}: ${acknowledged} acknowledged`);
    assert.deepEqual(broken, [], `${store}, seed ${seed}`);
    assert.ok(acknowledged > 0, `${store}: nothing acknowledged`);
  }
});
