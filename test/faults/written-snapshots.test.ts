// Snapshots that are written block by block, while the object store fails, the service dies between any two of its steps,
// and their writers go away: what was acknowledged is in them, and of what is given up nothing stays.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import type { StorageSnapshotIntent } from '@ironbark/protocol/internal/storage-client.ts';
import {
  Harness,
  hurriedClock,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';

const BLOCK_BYTES = 512 * KIB;
const SIZE_BYTES = 8 * MIB;
const BLOCKS = SIZE_BYTES / BLOCK_BYTES;
/** Blocks that nobody needs are kept for ten seconds. */
const CLOCK_RATE = 20;
const ROUNDS = 3;
const FAILURES = 0.3;

type Written = NonNullable<StorageSnapshotIntent['written']>;

function intent(digit: number, generation: number, written: Written) {
  const none = { volumeId: 'vol-ffffffff', volumeSizeBytes: SIZE_BYTES } as const;
  return snapshot(digit, { ...none, generation, written });
}

/** Everything fails now and then, before or after it took effect. */
async function startFailing(seed: number) {
  const random = seededRandom(seed);
  let share = FAILURES;
  const fails = () => random.fraction() < share / 2;
  const harness = await Harness.start({
    target: 'simulated',
    clock: hurriedClock(CLOCK_RATE),
    aroundStep: async (step, take) => {
      if (fails()) throw new Error(`planted before ${step}`);
      const result = await take();
      if (fails()) throw new Error(`planted after ${step}`);
      return result;
    },
  });
  const put = harness.objects.putObject.bind(harness.objects);
  harness.objects.putObject = async (input) => {
    if (fails()) throw new Error('planted: refused');
    const stored = await put(input);
    if (fails()) throw new Error('planted: no answer');
    return stored;
  };
  const calm = () => {
    share = 0;
  };
  return { harness, random, calm };
}

test('what was acknowledged of a written snapshot is in it, and what replaced it leaves nothing', async () => {
  const { harness, random, calm } = await startFailing(1);
  await using _end = harness;
  const blocks = new Map<number, Buffer>();
  await harness.put(intent(1, 1, { state: 'open' }));
  for (let round = 0; round < ROUNDS; round++) {
    for (let write = 0; write < 10; write++) {
      const index = Math.floor(random.fraction() * BLOCKS);
      // Of few patterns, so that blocks are shared and come back; the first is zeros.
      const bytes = Buffer.alloc(BLOCK_BYTES, Math.floor(random.fraction() * 4));
      await insist(() => harness.storage.snapshotWriter.writeBlock(snapshotId(1), index, bytes));
      blocks.set(index, bytes);
    }
    // Something is on its way when the service ends.
    const late = harness.storage.snapshotWriter
      .writeBlock(snapshotId(1), 0, blocks.get(0) ?? Buffer.alloc(BLOCK_BYTES))
      .then(
        () => blocks.set(0, blocks.get(0) ?? Buffer.alloc(BLOCK_BYTES)),
        () => {},
      );
    await late;
    await harness.restart();
  }
  const { count } = await harness.storage.snapshotWriter.describeWritten(snapshotId(1));
  assert.equal(count, blocks.size);
  await harness.put(intent(1, 2, { state: 'sealed' }));
  await harness.untilCompleted(snapshotId(1));
  calm();
  await harness.put(volume(1, { sizeBytes: SIZE_BYTES, fromSnapshotId: snapshotId(1) }));
  await harness.untilVolume(volumeId(1), (seen) => seen.state === 'ready');
  for (let index = 0; index < BLOCKS; index++) {
    const bytes = await harness.read(volumeId(1), index * BLOCK_BYTES, BLOCK_BYTES);
    assert.ok(bytes.equals(blocks.get(index) ?? Buffer.alloc(BLOCK_BYTES)), `block ${index}`);
  }
  const needed = new Set([...blocks.values()].filter((bytes) => bytes[0] !== 0).map((b) => b[0]));
  await harness.until('only what is needed', () => harness.blockKeys().length === needed.size);
});

test('one that is given up fails, and its blocks go', async () => {
  const { harness, calm } = await startFailing(2);
  await using _end = harness;
  await harness.put(intent(1, 1, { state: 'open' }));
  for (const index of [0, 1, 2]) {
    const bytes = Buffer.alloc(BLOCK_BYTES, index + 1);
    await insist(() => harness.storage.snapshotWriter.writeBlock(snapshotId(1), index, bytes));
  }
  await harness.put(intent(1, 2, { state: 'abandoned' }));
  const failed = await harness.untilSnapshot(snapshotId(1), (seen) => seen.state === 'failed');
  assert.match(failed.reason ?? '', /not completed in time/);
  calm();
  const late = harness.storage.snapshotWriter.writeBlock(
    snapshotId(1),
    3,
    Buffer.alloc(BLOCK_BYTES),
  );
  await assert.rejects(late, (error) => isServiceError(error, 'incorrect-state'));
  await harness.until('no objects', () => harness.objectKeys().length === 0);
});

test('a block that is there already is not stored again, and a parent that goes leaves it', async () => {
  await using harness = await Harness.start({
    target: 'simulated',
    clock: hurriedClock(CLOCK_RATE),
  });
  const bytes = Buffer.alloc(BLOCK_BYTES, 7);
  await harness.put(intent(1, 1, { state: 'open' }));
  await harness.storage.snapshotWriter.writeBlock(snapshotId(1), 4, bytes);
  await harness.put(intent(1, 2, { state: 'sealed' }));
  await harness.untilCompleted(snapshotId(1));
  await harness.put(intent(2, 1, { state: 'open', parent: snapshotId(1) }));
  await harness.storage.snapshotWriter.writeBlock(snapshotId(2), 5, bytes);
  await harness.put({ ...intent(1, 3, { state: 'sealed' }), desired: 'absent' });
  await harness.untilSnapshot(snapshotId(1), (seen) => seen.state === 'absent');
  await harness.put(intent(2, 2, { state: 'sealed' }));
  const done = await harness.untilCompleted(snapshotId(2));
  assert.equal(done.addedBytes, 0, 'nothing was stored for it alone');
  const reader = harness.storage.snapshots;
  const { blocks } = await reader.listBlocks(snapshotId(2), { from: 0, limit: 100 });
  assert.deepEqual(blocks, [4, 5]);
  assert.ok((await reader.readBlock(snapshotId(2), 4)).equals(bytes));
});

test('the bucket is asked for once for many blocks, and again only where that failed', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  const ensureBucket = harness.objects.ensureBucket.bind(harness.objects);
  let asked = 0;
  harness.objects.ensureBucket = async (bucket) => {
    asked += 1;
    if (asked === 1) throw new Error('planted: away');
    await ensureBucket(bucket);
  };
  await harness.put(intent(1, 1, { state: 'open' }));
  for (const index of [0, 1, 2, 3]) {
    const bytes = Buffer.alloc(BLOCK_BYTES, index + 1);
    await insist(() => harness.storage.snapshotWriter.writeBlock(snapshotId(1), index, bytes));
  }
  assert.deepEqual([asked, harness.blockKeys().length], [2, 4]);
});

/** As a client does. */
async function insist(call: () => Promise<void>): Promise<void> {
  for (let attempt = 0; attempt < 50; attempt++) {
    try {
      return await call();
    } catch (error) {
      if (isServiceError(error) && !isServiceError(error, 'not-found')) throw error;
    }
  }
  throw new Error('never written');
}
