// Volumes that are open before their bytes have come: what guests read and write meanwhile, through every crash.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { SNAPSHOT_BUCKET } from './app/snapshot-manifest.ts';
import {
  compare,
  holdBlocks,
  loseWrites,
  slowBlocks,
  untilFilled,
  writeUnflushed,
} from './testing/filling-volumes.ts';
import {
  daemonPid,
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const COPY = volumeId(2);
const SIZE = 16 * MIB;
/** A daemon that is waited for in vain is killed after ten seconds. */
const CLOSE_LIMIT_MS = 8_000;
/** The filling lasts for three of these. */
const SLOWER_MS = 1_500;

/** A snapshot of random bytes in the first half and zeros in the second, and the bytes as a file. */
async function startWithSnapshot(): Promise<{ harness: Harness; bytes: Buffer }> {
  const harness = await Harness.start();
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  const bytes = Buffer.concat([randomBytes(SIZE / 2), Buffer.alloc(SIZE / 2)]);
  await harness.write(volumeId(1), 0, bytes);
  await harness.put(snapshot(1));
  await harness.untilCompleted(snapshotId(1));
  return { harness, bytes };
}

async function openCopy(harness: Harness): Promise<VolumeStorageObservation> {
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), exportTo: NODE }));
  return harness.untilVolume(COPY, (each) => each.export !== undefined || each.state === 'failed');
}

/** A copy that fills and was written to, and a second snapshot, of the bytes that it has at that moment. */
async function snapWhileItFills() {
  const { harness, bytes } = await startWithSnapshot();
  const release = slowBlocks(harness);
  const seen = await openCopy(harness);
  await qemuIo(seen, 'write -P 0x44 6M 1M', 'flush');
  bytes.fill(0x44, 6 * MIB, 7 * MIB);
  await harness.put(snapshot(2, { volumeId: COPY }));
  return { harness, bytes, seen, release };
}

/** The same of a volume that is made of a snapshot. */
async function compareRestored(harness: Harness, from: SnapshotId, model: Buffer): Promise<void> {
  await harness.put(volume(3, { fromSnapshotId: from, exportTo: NODE }));
  const restored = await harness.untilVolume(volumeId(3), (each) => each.export !== undefined);
  await compare(harness, restored, model);
}

test('a volume is open before its bytes have come, and reads what it does not have on demand', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 9);
  const seen = await openCopy(harness);
  assert.ok(seen.progressPercent < 100);
  const map = await stat(join(harness.dataDir, 'filling', `${COPY}.qcow2`));
  assert.ok(map.blocks * 512 >= 2 * MIB, 'the map has its space');
  const pid = await daemonPid(harness, COPY);
  await qemuIo(seen, 'write -P 0x33 1M 4k', 'write -z 2M 64k', 'read -P 0 12M 64k', 'flush');
  bytes.fill(0x33, MIB, MIB + 4096);
  bytes.fill(0, 2 * MIB, 2 * MIB + 65_536);
  release();
  await compare(harness, seen, bytes);
  await untilFilled(harness, COPY);
  assert.equal(await daemonPid(harness, COPY), pid);
  await compare(harness, seen, bytes);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('what was flushed while it filled outlives its target, its controller and both', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 12);
  const seen = await openCopy(harness);
  const put = async (at: number, value: number) => {
    await qemuIo(seen, `write -P ${value} ${at} 12k`, 'flush');
    bytes.fill(value, at, at + 12 * 1024);
  };
  await put(64 * 1024, 0x44);
  process.kill(await daemonPid(harness, COPY), 'SIGKILL');
  await harness.until('the target again', async () => {
    const again = await harness.volume(COPY);
    return (
      again?.export !== undefined &&
      put(10 * MIB, 0x55).then(
        () => true,
        () => false,
      )
    );
  });
  await harness.restart();
  await put(3 * MIB, 0x66);
  const pid = await daemonPid(harness, COPY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  await harness.restart();
  release();
  await harness.until('the target once more', () =>
    put(5 * MIB, 0x77).then(
      () => true,
      () => false,
    ),
  );
  await compare(harness, seen, bytes);
  await untilFilled(harness, COPY);
  await compare(harness, seen, bytes);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('what was answered while it filled outlives its target, also when nobody had flushed it', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 1);
  const seen = await openCopy(harness);
  const written = { offset: 5 * MIB, bytes: Buffer.alloc(256 * 1024, 0x55) };
  await writeUnflushed(seen, written, async () => {
    process.kill(await daemonPid(harness, COPY), 'SIGKILL');
  });
  written.bytes.copy(bytes, written.offset);
  await harness.untilDone(seen, 'read -P 0x55 5M 256k');
  release();
  await compare(harness, seen, bytes);
  await untilFilled(harness, COPY);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('bytes that a crash left without a record are no part of the volume', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 1);
  await openCopy(harness);
  const pid = await daemonPid(harness, COPY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  // As a write whose record in the map was lost with the power; it was never acknowledged.
  await harness.write(COPY, 12 * MIB, Buffer.alloc(MIB, 0x99));
  await harness.write(COPY, 4 * MIB, Buffer.alloc(MIB, 0x99));
  release();
  await harness.restart();
  await untilFilled(harness, COPY);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('what the map has and the file never got on its disk comes once more', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 12);
  const seen = await openCopy(harness);
  // Among zeros QEMU writes no more of a cluster than its guest.
  await qemuIo(seen, 'read -q 0 5M', 'write -P 0x44 12M 4k', 'write -P 0x55 3M 64k', 'flush');
  bytes.fill(0x44, 12 * MIB, 12 * MIB + 4096).fill(0x55, 3 * MIB, 3 * MIB + 64 * 1024);
  const pid = await daemonPid(harness, COPY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  // The map went to the disk before the bytes did, and then the power went.
  await loseWrites(harness, COPY, { offset: MIB, length: MIB });
  release();
  await harness.restart();
  await untilFilled(harness, COPY);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('a damaged block is an error where it is read, the rest is there, and the volume can go', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const bucket = harness.objects.buckets.get(SNAPSHOT_BUCKET)!;
  for (const [key, object] of bucket) {
    if (key.startsWith('blocks/') && object.subarray(0, 64).equals(bytes.subarray(0, 64))) {
      object[100]! ^= 1;
    }
  }
  const seen = await openCopy(harness);
  await harness.untilVolume(COPY, (each) => /damaged/.test(each.reason ?? ''));
  await assert.rejects(qemuIo(seen, 'read 0 4k'), /Input\/output|failed/);
  await qemuIo(seen, 'write -P 0x11 1M 64k', 'read -P 0x11 1M 64k', 'read -P 0 12M 1M');
  await harness.put(volume(2, { generation: 2, desired: 'absent' }));
  await harness.untilVolume(COPY, (each) => each.state === 'absent');
  await harness.untilQuiet();
  assert.deepEqual(
    (await harness.files()).filter((path) => path.includes(COPY)),
    [],
  );
});

test('a snapshot of a volume that is still being filled has all of it, and its own source stays', async () => {
  const { harness, bytes, seen, release } = await snapWhileItFills();
  await using _ = harness;
  await harness.untilQuietFreeze();
  await harness.put(snapshot(1, { generation: 2, desired: 'absent' }));
  await qemuIo(seen, 'write -P 0x55 6M 1M', 'flush');
  release();
  await harness.untilCompleted(snapshotId(2));
  await untilFilled(harness, COPY);
  const copied = await harness.read(COPY, 0, SIZE);
  assert.ok(copied.equals(Buffer.from(bytes).fill(0x55, 6 * MIB, 7 * MIB)));
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'absent');
  await compareRestored(harness, snapshotId(2), bytes);
});

test('a volume that fills is grown and held back otherwise under its guest, and fills on', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = slowBlocks(harness, SLOWER_MS);
  await openCopy(harness);
  const limits = { iops: 10_000, bytesPerSecond: 500 * MIB, operationBytes: 256 * 1024 };
  const pid = await daemonPid(harness, COPY);
  const wish = { fromSnapshotId: snapshotId(1), exportTo: NODE, sizeBytes: 24 * MIB, limits };
  await harness.put(volume(2, { ...wish, generation: 2 }));
  const grown = await harness.untilVolume(COPY, (each) => each.generation === 2);
  assert.ok(grown.progressPercent < 100);
  await qemuIo(grown, 'read -P 0 16M 8M', 'write -P 0x66 20M 1M', 'write -P 0x77 3M 1M', 'flush');
  const model = Buffer.concat([bytes, Buffer.alloc(8 * MIB)]);
  model.fill(0x66, 20 * MIB, 21 * MIB);
  model.fill(0x77, 3 * MIB, 4 * MIB);
  const slower = { ...limits, bytesPerSecond: 400 * MIB };
  await harness.put(volume(2, { ...wish, generation: 3, limits: slower }));
  await harness.untilVolume(COPY, (each) => each.generation === 3);
  release();
  await compare(harness, grown, model);
  await untilFilled(harness, COPY);
  assert.equal(await daemonPid(harness, COPY), pid);
  await compare(harness, grown, model);
  assert.ok((await harness.read(COPY, 0, 24 * MIB)).equals(model));
});

test('a volume that was filled, and whose target died before its layer went, is opened again', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const reached = Promise.withResolvers<void>();
  await harness.restart({
    aroundStep: async (step, take) => {
      if (step !== 'volume/unlayer') return await take();
      reached.resolve();
      throw new Error('planted');
    },
  });
  await openCopy(harness);
  await reached.promise;
  const pid = await daemonPid(harness, COPY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  await harness.restart();
  const seen = await harness.untilVolume(COPY, (each) => each.export !== undefined);
  await harness.until('the volume to be served', () =>
    compare(harness, seen, bytes).then(
      () => true,
      () => false,
    ),
  );
  await untilFilled(harness, COPY);
});

test('nobody waits for an object store that does not answer to close a volume, and it fills on later', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 1);
  const seen = await openCopy(harness);
  const waiting = qemuIo(seen, 'read 4M 64k').catch(() => {});
  const startedMs = performance.now();
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), generation: 2 }));
  await harness.untilVolume(COPY, (each) => each.export === undefined && each.generation === 2);
  await waiting;
  await harness.storage.halt();
  const tookMs = performance.now() - startedMs;
  assert.ok(tookMs < CLOSE_LIMIT_MS, `took ${Math.round(tookMs)} ms`);
  release();
  await harness.restart();
  await untilFilled(harness, COPY);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('one that was grown while it filled is whole after its target and its controller died', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = slowBlocks(harness, SLOWER_MS);
  await openCopy(harness);
  const wish = { fromSnapshotId: snapshotId(1), exportTo: NODE, sizeBytes: 24 * MIB };
  await harness.put(volume(2, { ...wish, generation: 2 }));
  const grown = await harness.untilVolume(COPY, (each) => each.generation === 2);
  await qemuIo(grown, 'write -P 0x66 20M 1M', 'flush');
  const pid = await daemonPid(harness, COPY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  release();
  await harness.restart();
  await untilFilled(harness, COPY);
  const model = Buffer.concat([bytes, Buffer.alloc(8 * MIB)]);
  model.fill(0x66, 20 * MIB, 21 * MIB);
  assert.ok((await harness.read(COPY, 0, 24 * MIB)).equals(model));
});

test('of two snapshots that are taken while it fills the second stores what has changed, and is right', async () => {
  const { harness, bytes, seen, release } = await snapWhileItFills();
  await using _ = harness;
  await harness.untilCompleted(snapshotId(2));
  await qemuIo(seen, 'write -P 0x55 9M 64k', 'flush');
  await harness.put(snapshot(3, { volumeId: COPY }));
  const second = await harness.untilCompleted(snapshotId(3));
  assert.ok(second.addedBytes < MIB, `${second.addedBytes} bytes were stored`);
  await qemuIo(seen, 'write -P 0x99 0 16M', 'flush');
  release();
  await untilFilled(harness, COPY);
  bytes.fill(0x55, 9 * MIB, 9 * MIB + 65_536);
  await compareRestored(harness, snapshotId(3), bytes);
});

test('a snapshot that is read through a volume that fills is right, though that and its source are to go', async () => {
  const { harness, bytes, release } = await snapWhileItFills();
  await using _ = harness;
  await harness.untilQuietFreeze();
  await harness.put(volume(2, { generation: 2, desired: 'absent' }));
  await harness.put(snapshot(1, { generation: 2, desired: 'absent' }));
  release();
  await harness.untilCompleted(snapshotId(2));
  await harness.untilVolume(COPY, (each) => each.state === 'absent');
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'absent');
  const files = await harness.files();
  assert.deepEqual(
    files.filter((path) => path.includes(COPY)),
    [],
  );
  await compareRestored(harness, snapshotId(2), bytes);
});
