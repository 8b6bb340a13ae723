// Volumes that are open before their bytes have come: what guests read and write meanwhile, through every crash.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { SNAPSHOT_BUCKET } from './app/snapshot-manifest.ts';
import {
  daemonPid,
  Harness,
  NODE,
  nbdUri,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const COPY = volumeId(2);
const SIZE = 16 * MIB;

/** A snapshot of random bytes in the first half and zeros in the second, and the bytes as a file. */
async function startWithSnapshot(): Promise<{ harness: Harness; bytes: Buffer }> {
  const harness = await Harness.start();
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  const bytes = Buffer.concat([randomBytes(SIZE / 2), Buffer.alloc(SIZE / 2)]);
  await harness.write(volumeId(1), 0, bytes);
  await harness.put(snapshot(1));
  const taken = await harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
  assert.equal(taken.state, 'completed', taken.reason);
  return { harness, bytes };
}

/** Nothing but what is needed at once comes from the object store until `release`. */
function holdBlocks(harness: Harness, passes: number) {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const getObject = harness.objects.getObject.bind(harness.objects);
  let asked = 0;
  harness.objects.getObject = async (input) => {
    if (input.key.startsWith('blocks/') && ++asked > passes) await gate;
    return getObject(input);
  };
  return release;
}

/** Each block takes its time, so that the fill is met in the middle. */
function slowBlocks(harness: Harness): () => void {
  const getObject = harness.objects.getObject.bind(harness.objects);
  let delayMs = 150;
  harness.objects.getObject = async (input) => {
    if (input.key.startsWith('blocks/')) await systemClock.sleep(delayMs);
    return getObject(input);
  };
  return () => {
    delayMs = 0;
  };
}

async function openCopy(harness: Harness): Promise<VolumeStorageObservation> {
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), exportTo: NODE }));
  return harness.untilVolume(COPY, (each) => each.export !== undefined || each.state === 'failed');
}

/** Its file is all that is left of how it was filled. */
async function untilFilled(harness: Harness): Promise<void> {
  await harness.until('the volume to be filled', async () => {
    const files = await harness.files();
    const isLayered = files.some((path) => path.startsWith('filling/'));
    return !isLayered && (await harness.volume(COPY))?.progressPercent === 100;
  });
}

/** Each part of what a guest reads is what the model has. */
async function compare(
  harness: Harness,
  seen: VolumeStorageObservation,
  model: Buffer,
): Promise<void> {
  const path = join(harness.root, 'model.raw');
  await writeFile(path, model);
  await systemCommands.run('qemu-img', ['compare', '-f', 'raw', '-F', 'raw', nbdUri(seen), path]);
}

test('a volume is open before its bytes have come, and reads what it does not have on demand', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 9);
  const seen = await openCopy(harness);
  assert.ok(seen.progressPercent < 100);
  const pid = await daemonPid(harness, COPY);
  await qemuIo(seen, 'write -P 0x33 1M 4k', 'write -z 2M 64k', 'read -P 0 12M 64k', 'flush');
  bytes.fill(0x33, MIB, MIB + 4096);
  bytes.fill(0, 2 * MIB, 2 * MIB + 65_536);
  release();
  await compare(harness, seen, bytes);
  await untilFilled(harness);
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
  await untilFilled(harness);
  await compare(harness, seen, bytes);
  assert.ok((await harness.read(COPY, 0, SIZE)).equals(bytes));
});

test('bytes that a crash left without a record are no part of the volume', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = slowBlocks(harness);
  await openCopy(harness);
  await harness.storage.halt();
  await harness.stop();
  // As a write whose record in the map was lost with the power; it was never acknowledged.
  await harness.write(COPY, 12 * MIB, Buffer.alloc(MIB, 0x99));
  await harness.write(COPY, 4 * MIB, Buffer.alloc(MIB, 0x99));
  release();
  await harness.restart();
  await untilFilled(harness);
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
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = slowBlocks(harness);
  const seen = await openCopy(harness);
  await qemuIo(seen, 'write -P 0x44 6M 1M', 'flush');
  bytes.fill(0x44, 6 * MIB, 7 * MIB);
  await harness.put(snapshot(2, { volumeId: COPY }));
  await harness.untilQuietFreeze();
  await harness.put(snapshot(1, { generation: 2, desired: 'absent' }));
  await qemuIo(seen, 'write -P 0x55 6M 1M', 'flush');
  release();
  const taken = await harness.untilSnapshot(snapshotId(2), (each) => each.state !== 'pending');
  assert.equal(taken.state, 'completed', taken.reason);
  await untilFilled(harness);
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'absent');
  await harness.put(volume(3, { fromSnapshotId: snapshotId(2), exportTo: NODE }));
  const third = await harness.untilVolume(volumeId(3), (each) => each.export !== undefined);
  await compare(harness, third, bytes);
});
