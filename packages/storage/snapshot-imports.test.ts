// Snapshots that are made of an object: its bytes are there and zeroes after them, what is damaged or of another length
// is refused, and what was cut short begins again.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { MIB } from '@ironbark/core/units.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { StorageSnapshotIntent } from '@ironbark/protocol/internal/storage-client.ts';
import {
  Harness,
  hurriedClock,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const BUCKET = 'images';
const SIZE = 16 * MIB;

function start(): Promise<Harness> {
  return Harness.start({ target: 'simulated', clock: hurriedClock(100) });
}

/** A disk with something at its front, a hole, and an end that is in the middle of a block. */
function makeDisk(): Buffer {
  const disk = Buffer.alloc(9 * MIB + 4_096);
  randomBytes(3 * MIB).copy(disk, 0);
  randomBytes(100).copy(disk, disk.length - 100);
  return disk;
}

async function storeObject(
  harness: Harness,
  disk: Buffer,
  encoding: 'raw' | 'zstd',
): Promise<ImageBlob> {
  const body = encoding === 'raw' ? disk : zstdCompressSync(disk);
  const key = `disk-${encoding}`;
  await harness.objects.ensureBucket(BUCKET);
  await harness.objects.putObject({ bucket: BUCKET, key, body });
  const sha256 = createHash('sha256').update(body).digest('hex');
  return {
    bucket: BUCKET,
    key,
    sizeBytes: body.length,
    sha256,
    encoding,
    unpackedBytes: disk.length,
  };
}

/** The volume is one that never was. */
function wanted(source: ImageBlob, changes: Partial<StorageSnapshotIntent> = {}) {
  return snapshot(1, { volumeId: 'vol-ffffffff', volumeSizeBytes: SIZE, source, ...changes });
}

async function bringIn(harness: Harness, source: ImageBlob) {
  await harness.put(wanted(source));
  return harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
}

async function restore(harness: Harness): Promise<Buffer> {
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1) }));
  const seen = await harness.untilVolume(volumeId(2), (each) => each.state !== 'creating');
  assert.equal(seen.state, 'ready', seen.reason);
  return harness.read(volumeId(2), 0, SIZE);
}

for (const encoding of ['raw', 'zstd'] as const) {
  test(`a volume of a snapshot of an object that is ${encoding} has its bytes, then zeroes`, async () => {
    await using harness = await start();
    const disk = makeDisk();
    const seen = await bringIn(harness, await storeObject(harness, disk, encoding));
    assert.equal(seen.state, 'completed', seen.reason);
    assert.equal(seen.isHeld, true);
    const restored = await restore(harness);
    assert.ok(restored.subarray(0, disk.length).equals(disk));
    assert.ok(restored.subarray(disk.length).every((byte) => byte === 0));
  });
}

test('A27: an object that names a backing file, and one that unpacks to a giant, are bytes and refused', async () => {
  await using harness = await start();
  const disk = Buffer.alloc(MIB);
  // A qcow2 whose backing file is the host's.
  disk.set([0x51, 0x46, 0x49, 0xfb, 0, 0, 0, 2], 0);
  disk.write('/etc/passwd', 512);
  const seen = await bringIn(harness, await storeObject(harness, disk, 'raw'));
  assert.equal(seen.state, 'completed', seen.reason);
  assert.ok((await restore(harness)).subarray(0, disk.length).equals(disk));
  const bomb = await storeObject(harness, Buffer.alloc(256 * MIB), 'zstd');
  const second = { ...bomb, unpackedBytes: MIB };
  await harness.put(wanted(second, { id: snapshotId(3) }));
  const refused = await harness.untilSnapshot(snapshotId(3), (each) => each.state !== 'pending');
  assert.equal(refused.state, 'failed');
  assert.match(refused.reason ?? '', /unpacks to more/);
});

test('an object that is not what was said of it makes no snapshot and leaves nothing', async () => {
  const disk = makeDisk();
  const wrongs: [string, (source: ImageBlob) => Partial<ImageBlob>][] = [
    ['digest', () => ({ sha256: '0'.repeat(64) })],
    ['longer', ({ sizeBytes }) => ({ sizeBytes: sizeBytes - 1 })],
    ['unpacks to more', ({ unpackedBytes }) => ({ unpackedBytes: unpackedBytes - 1 })],
    ['unpacks to less', ({ unpackedBytes }) => ({ unpackedBytes: unpackedBytes + 1 })],
    ['longer than the snapshot', () => ({ unpackedBytes: 2 * SIZE })],
    ['object', () => ({ key: 'nowhere' })],
  ];
  for (const [part, change] of wrongs) {
    await using harness = await start();
    const source = await storeObject(harness, disk, 'zstd');
    const seen = await bringIn(harness, { ...source, ...change(source) });
    assert.equal(seen.state, 'failed', part);
    assert.match(seen.reason ?? '', new RegExp(part), part);
    await harness.until('no block is left', () => harness.blockKeys().length === 0);
  }
});

test('bytes that are said to be packed and are not make no snapshot', async () => {
  await using harness = await start();
  const source = await storeObject(harness, makeDisk(), 'raw');
  const seen = await bringIn(harness, { ...source, encoding: 'zstd' });
  assert.equal(seen.state, 'failed');
  assert.match(seen.reason ?? '', /cannot be unpacked/);
});

test('one that was cut short begins again and is whole', async () => {
  await using harness = await start();
  const disk = Buffer.concat([randomBytes(34 * MIB), Buffer.alloc(6 * MIB)]);
  const source = await storeObject(harness, disk, 'raw');
  // Its second slice of 32 MiB is not stored.
  let isAway = true;
  const { putObject } = harness.objects;
  let blocks = 0;
  harness.objects.putObject = async (input) => {
    if (input.key.startsWith('blocks/') && ++blocks > 64 && isAway) throw new Error('away');
    return putObject.call(harness.objects, input);
  };
  const volumeSizeBytes = 48 * MIB;
  await harness.put(wanted(source, { volumeSizeBytes }));
  await harness.until('half of it is stored', async () => blocks > 64);
  await harness.restart();
  isAway = false;
  await harness.untilCompleted(snapshotId(1));
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), sizeBytes: volumeSizeBytes }));
  await harness.untilVolume(volumeId(2), (each) => each.state === 'ready');
  assert.ok((await harness.read(volumeId(2), 0, disk.length)).equals(disk));
});
