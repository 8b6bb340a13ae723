import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from './clock.ts';
import { Turns } from './turns.ts';

/** Patience that ends when it is told to. */
function newTurns(most: number) {
  const ends: (() => void)[] = [];
  const clock: Clock = {
    ...systemClock,
    sleep: (_ms, signal) =>
      new Promise((resolve, reject) => {
        ends.push(resolve);
        signal?.addEventListener('abort', () => reject(signal.reason));
      }),
  };
  return { turns: new Turns({ most, patienceMs: 1, clock }), ends };
}

test('turns go to those who came first, each to one', async () => {
  const { turns } = newTurns(2);
  const [one, two] = [await turns.take(), await turns.take()];
  const order: string[] = [];
  const third = turns.take().finally(() => order.push('third'));
  const fourth = turns.take().finally(() => order.push('fourth'));
  one!();
  one!();
  const last = await third;
  assert.deepEqual(order, ['third']);
  two!();
  (await fourth)!();
  assert.deepEqual(order, ['third', 'fourth']);
  last!();
  assert.ok(await turns.take());
  assert.ok(await turns.take());
});

test('who has waited long enough gets none, and takes none from who comes later', async () => {
  const { turns, ends } = newTurns(1);
  const only = await turns.take();
  const late = turns.take();
  ends[0]!();
  assert.equal(await late, undefined);
  const next = turns.take();
  only!();
  assert.ok(await next);
});
