// Snapshots read block by block, in whatever form they are kept.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import {
  SNAPSHOT_BLOCK_BYTES,
  type SnapshotReader,
} from '@ironbark/protocol/internal/snapshot-reader.ts';
import { Harness, snapshot, snapshotId, volume, volumeId } from './testing/harness.ts';

const SIZE_BYTES = 32 * MIB + SNAPSHOT_BLOCK_BYTES / 2;
const LAST = 64;

async function snap(harness: Harness, digit: number): Promise<void> {
  await harness.put(snapshot(digit, { volumeSizeBytes: SIZE_BYTES }));
  await harness.untilCompleted(snapshotId(digit));
}

async function fill(harness: Harness, index: number, pattern: number): Promise<void> {
  const length = index === LAST ? SNAPSHOT_BLOCK_BYTES / 2 : SNAPSHOT_BLOCK_BYTES;
  await harness.write(volumeId(1), index * SNAPSHOT_BLOCK_BYTES, Buffer.alloc(length, pattern));
}

/** All pages of one block each, put together. */
async function listAll<Block>(
  page: (from: number) => Promise<{ blocks: Block[]; next?: number }>,
): Promise<Block[]> {
  const all: Block[] = [];
  for (let from: number | undefined = 0; from !== undefined; ) {
    const { blocks, next } = await page(from);
    assert.ok(blocks.length <= 1);
    all.push(...blocks);
    from = next;
  }
  return all;
}

function listOneByOne(reader: SnapshotReader, digit: number): Promise<number[]> {
  return listAll((from) => reader.listBlocks(snapshotId(digit), { from, limit: 1 }));
}

test('pages of blocks are the whole list in order, and each block is what the volume had', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(volume(1, { sizeBytes: SIZE_BYTES }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  for (const index of [0, 20, LAST]) await fill(harness, index, 1 + index);
  await snap(harness, 1);
  await fill(harness, 20, 0);
  await fill(harness, 33, 7);
  await snap(harness, 2);
  const reader = harness.storage.snapshots;
  const listed = await listOneByOne(reader, 1);
  assert.deepEqual(
    listed,
    (await reader.listBlocks(snapshotId(1), { from: 0, limit: 1000 })).blocks,
  );
  for (const index of [0, 20]) {
    assert.ok(listed.includes(index));
    const block = await reader.readBlock(snapshotId(1), index);
    assert.ok(block.equals(Buffer.alloc(SNAPSHOT_BLOCK_BYTES, 1 + index)), `block ${index}`);
  }
  const last = await reader.readBlock(snapshotId(1), LAST);
  assert.equal(last.length, SNAPSHOT_BLOCK_BYTES);
  assert.deepEqual([last[0], last.at(-1)], [1 + LAST, 0], 'zeros past the end of the volume');
  const pair = { first: snapshotId(1), second: snapshotId(2) };
  const changed = await listAll((from) => reader.listChangedBlocks(pair, { from, limit: 1 }));
  assert.deepEqual(
    changed.map(({ index }) => index),
    [20, 33],
  );
});

test('a block that is not what was stored is refused, and one that comes back is read again', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(volume(1, { sizeBytes: SIZE_BYTES }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await fill(harness, 3, 9);
  await snap(harness, 1);
  const getObject = harness.objects.getObject.bind(harness.objects);
  harness.objects.getObject = async (input) => {
    const { object, body } = await getObject(input);
    return { object, body: input.key.endsWith('manifest.json') ? body : body.drop(1) };
  };
  const read = () => harness.storage.snapshots.readBlock(snapshotId(1), 3);
  await assert.rejects(read(), /is damaged/);
  Reflect.deleteProperty(harness.objects, 'getObject');
  assert.equal((await read())[0], 9);
});
