import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, waitFor } from './clock.ts';
import { silentLogger } from './logger.ts';
import { seededRandom } from './random.ts';
import { type Reconciler, ReconcilerRunner, SETTLED } from './reconciler.ts';

const context = { clock: systemClock, random: seededRandom(1), logger: silentLogger };

function counting(
  fail: (key: string, run: number) => boolean,
): Reconciler & { runs: Map<string, number> } {
  const runs = new Map<string, number>();
  return {
    name: 'counting',
    runs,
    listKeys: async () => ['a', 'b'],
    reconcile: async (key) => {
      const run = (runs.get(key) ?? 0) + 1;
      runs.set(key, run);
      if (fail(key, run)) throw new Error('planted');
      return SETTLED;
    },
  };
}

test('every listed key is reconciled, and a failure is repeated', async () => {
  await using runner = new ReconcilerRunner(context);
  const reconciler = counting((key, run) => key === 'b' && run < 3);
  runner.add(reconciler);
  await waitFor(() => runner.isQuiet(), { clock: systemClock, timeoutMs: 5_000, what: 'quiet' });
  assert.equal(reconciler.runs.get('a'), 1);
  assert.equal(reconciler.runs.get('b'), 3);
});

test('a poke while a key is running runs it once more, never twice at once', async () => {
  await using runner = new ReconcilerRunner(context);
  let running = 0;
  let most = 0;
  let runs = 0;
  const handle = runner.add({
    name: 'slow',
    listKeys: async () => [],
    reconcile: async () => {
      running += 1;
      runs += 1;
      most = Math.max(most, running);
      await systemClock.sleep(20);
      running -= 1;
      return SETTLED;
    },
  });
  handle.poke('k');
  await systemClock.sleep(5);
  for (let i = 0; i < 10; i++) handle.poke('k');
  await waitFor(() => runner.isQuiet(), { clock: systemClock, timeoutMs: 5_000, what: 'quiet' });
  assert.equal(most, 1);
  assert.equal(runs, 2);
});

test('a key that asks to look again is looked at again', async () => {
  await using runner = new ReconcilerRunner(context);
  let runs = 0;
  runner.add({
    name: 'again',
    listKeys: async () => ['k'],
    reconcile: async () => {
      runs += 1;
      return runs < 3 ? { kind: 'again', afterMs: 5 } : SETTLED;
    },
  });
  await waitFor(() => runs === 3, { clock: systemClock, timeoutMs: 5_000, what: 'three runs' });
});
