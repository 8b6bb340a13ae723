import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockAllowance } from './block-allowance.ts';

test('each stream has one block, and all together so many more', () => {
  const allowance = new BlockAllowance(1);
  const [first, second] = [allowance.newShare(), allowance.newShare()];
  assert.deepEqual([first.tryAdd(), first.tryAdd(), first.tryAdd()], [true, true, false]);
  assert.deepEqual([second.tryAdd(), second.tryAdd()], [true, false]);
  first.remove();
  assert.deepEqual([first.tryAdd(), second.tryAdd()], [true, false]);
});

test('who waits gets what another stream has over, in turn, or its own last block', async () => {
  const allowance = new BlockAllowance(1);
  const [first, second, third] = [0, 1, 2].map(() => allowance.newShare());
  for (const share of [first, first, second, third]) assert.ok(share!.tryAdd());
  const woken: string[] = [];
  const waits = [
    second!.add().then(() => woken.push('second')),
    third!.add().then(() => woken.push('third')),
  ];
  third!.remove();
  await waits[1];
  assert.deepEqual(woken, ['third']);
  first!.remove();
  await waits[0];
  assert.equal(first!.tryAdd(), false);
  second!.remove();
  assert.ok(first!.tryAdd());
});
