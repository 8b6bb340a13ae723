import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  blockAt,
  countBlocks,
  findInList,
  isBlockList,
  LIST_BLOCKS,
  renderBlockList,
} from './block-list.ts';

const blocks = [0, 7, 8, LIST_BLOCKS - 1].map((at) => ({
  at,
  sha256: String(at).padStart(64, 'a'),
  encoding: at % 2 === 0 ? ('raw' as const) : ('zstd' as const),
  storedBytes: 524_288 - (at % 9),
}));

test('a list comes back as it was written, and each of its blocks is found', () => {
  const list = renderBlockList(blocks);
  assert.ok(isBlockList(list));
  assert.deepEqual(
    Array.from({ length: countBlocks(list) }, (_, n) => blockAt(list, n)),
    blocks,
  );
  for (const block of blocks) assert.deepEqual(findInList(list, block.at), block);
  for (const zeros of [1, 6, 9, LIST_BLOCKS - 2]) assert.equal(findInList(list, zeros), undefined);
  assert.equal(findInList(renderBlockList([]), 0), undefined);
});

test('what is out of order, out of the stretch or cut short is no list', () => {
  const [first, second] = [blocks[0]!, blocks[1]!];
  assert.ok(!isBlockList(renderBlockList([second, first])));
  assert.ok(!isBlockList(renderBlockList([first, first])));
  assert.ok(!isBlockList(renderBlockList([{ ...first, at: LIST_BLOCKS }])));
  assert.ok(!isBlockList(renderBlockList(blocks).subarray(1)));
});
