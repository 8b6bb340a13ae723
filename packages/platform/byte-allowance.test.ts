import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ByteAllowance } from './byte-allowance.ts';
import { systemClock } from './clock.ts';

function allowance(patienceMs: number): ByteAllowance {
  return new ByteAllowance({ mostBytes: 10, patienceMs, clock: systemClock });
}

test('what has no room waits its turn, and gets it when there is room', async () => {
  const bytes = allowance(60_000);
  const first = await bytes.take(6);
  const order: string[] = [];
  const second = bytes.take(8).then(() => order.push('large'));
  // It would fit beside the first; those before it come first.
  const third = bytes.take(2).then(() => order.push('small'));
  assert.equal(bytes.heldBytes, 6);
  first![Symbol.dispose]();
  first![Symbol.dispose]();
  await Promise.all([second, third]);
  assert.deepEqual(order, ['large', 'small']);
  assert.equal(bytes.heldBytes, 10);
});

test('who has waited too long gets nothing, and keeps nobody back any more', async () => {
  const bytes = allowance(20);
  await bytes.take(6);
  const late = bytes.take(8);
  const behind = bytes.take(4);
  assert.equal(await late, undefined);
  assert.notEqual(await behind, undefined);
  assert.equal(bytes.heldBytes, 10);
});

test('what is larger than all of it has it alone', async () => {
  const bytes = allowance(20);
  const large = await bytes.take(99);
  assert.equal(await bytes.take(1), undefined);
  large![Symbol.dispose]();
  assert.notEqual(await bytes.take(1), undefined);
});
