import assert from 'node:assert/strict';
import { test } from 'node:test';
import { findProgram } from '../../packages/cli/host-packages.ts';
import { runCrashes } from './crash-points/crash-run.ts';
import { CRASH_STORES } from './crash-points/stores.ts';

/** All of them: `npm run faults -- crash-points`. */
const POINTS_A_STORE = 8;
/** Half of the places at which a rewrite in place may die tear the file. */
const POINTS_A_DISCIPLINE = 14;

const hasStrace = (await findProgram('strace', process.env['PATH'] ?? '')) !== undefined;
const skip = hasStrace ? false : 'NOT RUN: strace is missing (Debian: strace)';
/** Another one each time; a run that fails tells it, and is repeated with it. */
const seed = Date.now() % 1_000_000;

test('the harness catches files that are rewritten in place', { skip }, async () => {
  const run = { workload: 'files-in-place', count: POINTS_A_DISCIPLINE, seed } as const;
  const { crashes, broken } = await runCrashes(run);
  assert.ok(crashes > 0);
  assert.ok(broken.length > 0, `seed ${seed}: nothing torn in ${crashes} crashes`);
});

test('the harness finds nothing torn in files that are renamed into place', { skip }, async () => {
  const run = { workload: 'files-with-both-syncs', count: POINTS_A_DISCIPLINE, seed } as const;
  const { crashes, broken } = await runCrashes(run);
  assert.ok(crashes > 0);
  assert.deepEqual(broken, [], `seed ${seed}`);
});

for (const workload of CRASH_STORES) {
  test(`${workload} keeps what it acknowledged, whole, wherever its process dies`, {
    skip,
  }, async (t) => {
    t.diagnostic(
      `replay: npm run faults -- crash-points --only ${workload} --count ${POINTS_A_STORE} --seed ${seed}`,
    );
    const result = await runCrashes({ workload, count: POINTS_A_STORE, seed });
    t.diagnostic(`${result.crashes} crashes, ${result.acknowledged} acknowledged`);
    assert.deepEqual(result.broken, [], `seed ${seed}`);
    assert.ok(result.crashes >= POINTS_A_STORE / 2, `${result.crashes} crashes`);
    assert.ok(result.acknowledged > 0);
  });
}
