// Blocks that snapshots share: what is stored, what is read, what stays when a snapshot goes, and what comes back.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import type {
  SnapshotStorageObservation,
  StorageSnapshotIntent,
} from '@ironbark/protocol/internal/storage-client.ts';
import { digestOf } from './app/chunk-codec.ts';
import { BLOCK_BYTES, SNAPSHOT_BUCKET } from './app/snapshot-manifest.ts';
import type { StorageDrivers } from './main.ts';
import { settleRestoredStorage } from './restored-state.ts';
import {
  daemonPid,
  Harness,
  hurriedClock,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const VOLUME = volumeId(1);
/** Blocks that nobody needs are removed after a tenth of a second. */
function start(): Promise<Harness> {
  return Harness.start({ target: 'simulated', clock: hurriedClock(100) });
}

async function takeSnapshot(
  harness: Harness,
  digit: number,
  changes: Partial<StorageSnapshotIntent> = {},
): Promise<SnapshotStorageObservation> {
  await harness.put(snapshot(digit, changes));
  return harness.untilCompleted(snapshotId(digit));
}

async function restore(harness: Harness, digit: number, id: SnapshotId): Promise<Buffer> {
  await harness.put(volume(digit, { fromSnapshotId: id }));
  const seen = await harness.untilVolume(volumeId(digit), (each) => each.state !== 'creating');
  assert.equal(seen.state, 'ready', seen.reason);
  return harness.read(volumeId(digit), 0, 16 * MIB);
}

async function remove(harness: Harness, digit: number): Promise<void> {
  await harness.put(snapshot(digit, { generation: 2, desired: 'absent' }));
  await harness.untilSnapshot(snapshotId(digit), (each) => each.state === 'absent');
}

async function makeVolume(harness: Harness, blocks: readonly number[]): Promise<void> {
  await harness.put(volume(1));
  await harness.untilVolume(VOLUME, (each) => each.state === 'ready');
  for (const index of blocks) await writeBlock(harness, index);
}

async function writeBlock(harness: Harness, index: number): Promise<void> {
  await harness.write(VOLUME, index * BLOCK_BYTES, randomBytes(BLOCK_BYTES));
}

test('a snapshot stores what no earlier one has, and each restores to its own moment', async () => {
  await using harness = await start();
  await makeVolume(harness, [0, 3, 31]);
  const before = await harness.read(VOLUME, 0, 16 * MIB);
  const first = await takeSnapshot(harness, 1);
  assert.deepEqual([first.storedBytes, first.addedBytes], [3 * BLOCK_BYTES, 3 * BLOCK_BYTES]);
  await writeBlock(harness, 3);
  const after = await harness.read(VOLUME, 0, 16 * MIB);
  const second = await takeSnapshot(harness, 2);
  assert.deepEqual([second.storedBytes, second.addedBytes], [3 * BLOCK_BYTES, BLOCK_BYTES]);
  assert.equal(harness.blockKeys().length, 4);
  assert.ok((await restore(harness, 2, snapshotId(1))).equals(before));
  assert.ok((await restore(harness, 3, snapshotId(2))).equals(after));
});

test('equal blocks are stored once, and counted once', async () => {
  await using harness = await start();
  await makeVolume(harness, []);
  const bytes = randomBytes(BLOCK_BYTES);
  for (const index of [0, 5, 9]) await harness.write(VOLUME, index * BLOCK_BYTES, bytes);
  const { storedBytes, addedBytes } = await takeSnapshot(harness, 1);
  assert.deepEqual([storedBytes, addedBytes], [BLOCK_BYTES, BLOCK_BYTES]);
});

test('accounts share no blocks, so that nobody learns what another one has', async () => {
  await using harness = await start();
  await makeVolume(harness, [0, 1]);
  await takeSnapshot(harness, 1);
  const other = await takeSnapshot(harness, 2, { accountId: '000000000002' });
  assert.equal(other.addedBytes, 2 * BLOCK_BYTES);
  assert.equal(harness.blockKeys().length, 4);
});

test('a snapshot that goes leaves the blocks that others need, and no more', async () => {
  await using harness = await start();
  await makeVolume(harness, [0, 1, 2]);
  await takeSnapshot(harness, 1);
  await writeBlock(harness, 1);
  const bytes = await harness.read(VOLUME, 0, 16 * MIB);
  await takeSnapshot(harness, 2);
  await remove(harness, 1);
  await harness.until('one block to go', () => harness.blockKeys().length === 3);
  assert.ok((await restore(harness, 2, snapshotId(2))).equals(bytes));
  await remove(harness, 2);
  await harness.until('all blocks to go', () => harness.objectKeys().length === 0);
});

test('a condemned block that the next snapshot needs stays, and is not stored again', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await makeVolume(harness, [0, 1]);
  await takeSnapshot(harness, 1);
  await remove(harness, 1);
  const next = await takeSnapshot(harness, 2);
  assert.deepEqual([next.storedBytes, next.addedBytes], [2 * BLOCK_BYTES, 0]);
  assert.deepEqual(condemned(harness), []);
});

test('a block that is being removed takes no reference: the snapshot waits and stores it anew', async () => {
  await using harness = await start();
  await makeVolume(harness, [0, 1]);
  await takeSnapshot(harness, 1);
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const deleteObject = harness.objects.deleteObject.bind(harness.objects);
  harness.objects.deleteObject = async (input) => {
    if (input.key.startsWith('blocks/')) {
      reach();
      await gate;
    }
    await deleteObject(input);
  };
  await remove(harness, 1);
  await reached;
  await harness.put(snapshot(2));
  await harness.until('the snapshot to be held up', () => harness.log().includes('being removed'));
  release();
  const seen = await harness.untilSnapshot(snapshotId(2), (each) => each.state !== 'pending');
  assert.deepEqual([seen.state, seen.addedBytes], ['completed', 2 * BLOCK_BYTES]);
  await harness.untilQuiet();
  assert.equal(harness.blockKeys().length, 2);
  await restore(harness, 2, snapshotId(2));
});

test('a block that rots fails the volume, and the next snapshot with its bytes stores it again', async () => {
  await using harness = await start();
  await makeVolume(harness, [0, 1]);
  await takeSnapshot(harness, 1);
  const [key] = harness.blockKeys();
  const bucket = harness.objects.buckets.get(SNAPSHOT_BUCKET)!;
  bucket.get(key!)![7]! ^= 1;
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1) }));
  const failed = await harness.untilVolume(volumeId(2), (each) => each.state !== 'creating');
  assert.match(failed.reason ?? '', /damaged: block [01] is not what was stored/);
  const next = await takeSnapshot(harness, 2);
  assert.equal(next.addedBytes, BLOCK_BYTES);
  const bytes = await restore(harness, 3, snapshotId(2));
  assert.ok(bytes.equals(await harness.read(VOLUME, 0, 16 * MIB)));
  // The rotten one was the same block, so the first snapshot is sound again too.
  await restore(harness, 4, snapshotId(1));
});

test('after a restore the references come from the manifests, and nothing is removed before', async () => {
  await using harness = await start();
  await makeVolume(harness, [0, 1, 2]);
  await takeSnapshot(harness, 1);
  await writeBlock(harness, 1);
  await takeSnapshot(harness, 2);
  await harness.stop();
  const path = join(harness.dataDir, 'storage.db');
  await settleRestoredStorage(path);
  using database = new DatabaseSync(path);
  database.exec('DELETE FROM snapshot_block; DELETE FROM block');
  database.close();
  await harness.restart();
  await harness.until('references', () => references(harness) === 6);
  await remove(harness, 1);
  await harness.until('one block to go', () => harness.blockKeys().length === 3);
  await restore(harness, 2, snapshotId(2));
});

test('a snapshot of the first form is restored, and leaves nothing when it goes', async () => {
  await using harness = await start();
  await makeVolume(harness, []);
  await takeSnapshot(harness, 1);
  const chunk = randomBytes(4 * MIB);
  await storeFirstForm(harness, snapshotId(1), chunk);
  const bytes = await restore(harness, 2, snapshotId(1));
  assert.ok(bytes.subarray(4 * MIB, 8 * MIB).equals(chunk));
  assert.ok(bytes.subarray(8 * MIB).every((byte) => byte === 0));
  await remove(harness, 1);
  assert.deepEqual(harness.objectKeys(), []);
});

test('what was never written is not read, nor, with a daemon that has watched, what has not changed', async () => {
  let readBytes = 0;
  const drivers = (opened: StorageDrivers): StorageDrivers => {
    const openFrozen = opened.target.openFrozen.bind(opened.target);
    opened.target.openFrozen = async (id, point) => {
      const reader = await openFrozen(id, point);
      const read: typeof reader.read = (offset, length) => {
        readBytes += length;
        return reader.read(offset, length);
      };
      return { ...reader, read };
    };
    return opened;
  };
  await using harness = await Harness.start({ drivers });
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 2M', 'write -P 0x22 9M 1M');
  await takeSnapshot(harness, 1);
  assert.equal(readBytes, 3 * MIB);
  readBytes = 0;
  await qemuIo(seen, 'write -P 0x33 1M 4k', 'write -z 9M 512k', 'flush');
  await takeSnapshot(harness, 2);
  // What was zeroed is as if it had not been written.
  assert.equal(readBytes, BLOCK_BYTES);
  readBytes = 0;
  const third = await takeSnapshot(harness, 3);
  assert.deepEqual([readBytes, third.addedBytes], [0, 0]);
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await harness.untilQuiet();
  const fourth = await takeSnapshot(harness, 4);
  assert.deepEqual([readBytes, fourth.addedBytes], [5 * BLOCK_BYTES, 0]);
  await harness.put(volume(2, { fromSnapshotId: snapshotId(3), exportTo: NODE }));
  const copy = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  const patterns = ['0x11 0 1M', '0x33 1M 4k', '0x11 1028k 1020k', '0 9M 512k', '0x22 9728k 512k'];
  await qemuIo(copy, ...patterns.map((pattern) => `read -P ${pattern}`));
});

function condemned(harness: Harness): unknown[] {
  using database = new DatabaseSync(join(harness.dataDir, 'storage.db'), { readOnly: true });
  return database.prepare('SELECT * FROM block WHERE condemned_at IS NOT NULL').all();
}

function references(harness: Harness): number {
  using database = new DatabaseSync(join(harness.dataDir, 'storage.db'), { readOnly: true });
  return database.prepare('SELECT * FROM snapshot_block').all().length;
}

/** As the version before wrote it. */
async function storeFirstForm(harness: Harness, id: SnapshotId, chunk: Buffer): Promise<void> {
  const manifest = {
    format: 'ironbark-snapshot/1',
    snapshotId: id,
    volumeId: VOLUME,
    volumeSizeBytes: 16 * MIB,
    chunkBytes: 4 * MIB,
    completedAt: '2026-01-01T00:00:00.000Z',
    chunks: [{ index: 1, sha256: digestOf(chunk), encoding: 'raw', storedBytes: chunk.length }],
  };
  const put = (key: string, body: Buffer) =>
    harness.objects.putObject({ bucket: SNAPSHOT_BUCKET, key, body });
  await put(`${id}/chunks/000000000001`, chunk);
  await put(`${id}/manifest.json`, Buffer.from(JSON.stringify(manifest)));
}
