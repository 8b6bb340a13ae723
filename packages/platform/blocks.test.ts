import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BlockAllowance } from './block-allowance.ts';
import {
  BLOCK_BYTES,
  cutBlock,
  giveBack,
  takeBlock,
  tryTakeBlock,
  waitForBlock,
} from './blocks.ts';

test('a block that was given back is used again, and one that is in use is not', () => {
  const first = takeBlock();
  assert.equal(first.length, BLOCK_BYTES);
  const second = takeBlock();
  assert.notEqual(first.buffer, second.buffer);
  giveBack(first);
  assert.equal(takeBlock().buffer, first.buffer);
});

test('giving the same view back twice does not take the block from who has it now', () => {
  const first = takeBlock();
  giveBack(first);
  const now = takeBlock();
  giveBack(first);
  assert.notEqual(takeBlock().buffer, now.buffer);
});

test('a cut stands for its block, which its former view no longer does', () => {
  const block = takeBlock();
  block.write('0123456789');
  const cut = cutBlock(block, 2, 5);
  assert.equal(cut.toString(), '234');
  giveBack(block);
  assert.notEqual(takeBlock().buffer, block.buffer);
  const narrower = cutBlock(cut, 1, 100);
  assert.equal(narrower.toString(), '34');
  giveBack(narrower);
  assert.equal(takeBlock().buffer, block.buffer);
});

test('memory of somebody else is left alone', () => {
  const bytes = Buffer.from('abc');
  giveBack(bytes);
  assert.equal(cutBlock(bytes, 1, 2).toString(), 'b');
});

test('a share has room again when the last view of its block is given back', async () => {
  const share = new BlockAllowance(0).newShare();
  const block = tryTakeBlock(share)!;
  const cut = cutBlock(block, 0, 1);
  giveBack(block);
  assert.equal(tryTakeBlock(share), undefined);
  const next = waitForBlock(share);
  giveBack(cut);
  assert.equal((await next).buffer, cut.buffer);
});
