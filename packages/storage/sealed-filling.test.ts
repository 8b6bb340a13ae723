// Encrypted volumes that are open before their bytes are written: those of a snapshot, and the zeros of an empty one. In
// the end the file alone decrypts to all of them.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { StorageSnapshotIntent } from '@ironbark/protocol/internal/storage-client.ts';
import { LUKS_HEADER_BYTES } from './drivers/luks-header.ts';
import {
  compare,
  holdBlocks,
  loseWrites,
  slowBlocks,
  untilFilled,
} from './testing/filling-volumes.ts';
import {
  ACCOUNT,
  daemonPid,
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';
import { decryptFile, findInTheClear, Marker } from './testing/sealed-volumes.ts';

const SIZE = 16 * MIB;
const SEALED = { encryptedFor: ACCOUNT };
const COPY = volumeId(2);
const EMPTY = volumeId(9);
/** The filling lasts for three of these. */
const SLOWER_MS = 1_500;
/** As many as are filled at a time. */
const TURNS = [3, 4, 5, 6];

/** A snapshot of random bytes in the first half and zeros in the second, and the bytes. */
async function startWithSnapshot(
  how: { encryptedFor?: typeof ACCOUNT } & Partial<StorageSnapshotIntent> = {},
): Promise<{ harness: Harness; bytes: Buffer }> {
  const { encryptedFor, ...kind } = how;
  const harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE, ...(encryptedFor && { encryptedFor }) }));
  const seen = await open(harness, volumeId(1));
  const marker = await Marker.make(harness, SIZE / 2);
  await qemuIo(seen, marker.write(0), 'flush');
  await harness.put(snapshot(1, kind));
  await harness.untilCompleted(snapshotId(1));
  return { harness, bytes: Buffer.concat([marker.bytes, Buffer.alloc(SIZE / 2)]) };
}

function open(harness: Harness, id: VolumeId) {
  return harness.untilVolume(id, (each) => each.export !== undefined || each.state === 'failed');
}

async function openCopy(harness: Harness) {
  const kind = { ...SEALED, fromSnapshotId: snapshotId(1), exportTo: NODE };
  await harness.put(volume(2, kind));
  return await open(harness, COPY);
}

/** Whoever is to be filled after these waits until `release`. */
async function takeAllTurns(harness: Harness): Promise<() => void> {
  const release = holdBlocks(harness, 0);
  const copies = TURNS.map((digit) => volume(digit, { fromSnapshotId: snapshotId(1) }));
  await harness.put(...copies);
  for (const { id } of copies) {
    await harness.untilVolume(id, ({ state }) => state === 'ready');
  }
  await harness.untilQuiet();
  return release;
}

/** What the map and the file say of it in the clear. */
async function findBytes(harness: Harness, id: VolumeId, bytes: Buffer): Promise<string[]> {
  const found: string[] = [];
  for (const name of (await harness.files()).filter((path) => path.includes(id))) {
    const content = await readFile(join(harness.dataDir, name)).catch(() => Buffer.alloc(0));
    const places = Array.from({ length: SIZE / 2 / MIB }, (_, at) => at * MIB + MIB / 2);
    if (places.some((at) => content.includes(bytes.subarray(at, at + 32)))) found.push(name);
  }
  return found;
}

test('an encrypted volume is open before the bytes of its snapshot have come, and none of them is in the clear', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = holdBlocks(harness, 9);
  const seen = await openCopy(harness);
  assert.ok(seen.progressPercent < 100);
  const facts = await stat(join(harness.dataDir, 'volumes', `${COPY}.raw`));
  assert.equal(facts.size, SIZE + LUKS_HEADER_BYTES);
  assert.ok(facts.blocks * 512 >= facts.size, 'every byte has its place');
  const pid = await daemonPid(harness, COPY);
  const marker = await Marker.make(harness, 4096);
  await qemuIo(seen, marker.write(MIB), 'write -z 2M 64k', 'read -P 0 12M 64k', 'flush');
  marker.bytes.copy(bytes, MIB);
  bytes.fill(0, 2 * MIB, 2 * MIB + 65_536);
  assert.deepEqual(await findInTheClear(harness, marker), []);
  release();
  await compare(harness, seen, bytes);
  await untilFilled(harness, COPY);
  assert.equal(await daemonPid(harness, COPY), pid);
  await compare(harness, seen, bytes);
  assert.ok((await decryptFile(harness, COPY)).equals(bytes));
  assert.deepEqual(await findBytes(harness, COPY, bytes), []);
  assert.deepEqual(await findInTheClear(harness, marker), []);
});

test('what was flushed while it filled outlives its target, its controller and both, and old bytes show nowhere', async () => {
  const { harness, bytes } = await startWithSnapshot({ ...SEALED, encrypted: true });
  await using _ = harness;
  const release = holdBlocks(harness, 12);
  const seen = await openCopy(harness);
  const put = async (at: number, value: number) => {
    await harness.untilDone(seen, `write -P ${value} ${at} 12k`, 'flush');
    bytes.fill(value, at, at + 12 * 1024);
  };
  await put(64 * 1024, 0x44);
  process.kill(await daemonPid(harness, COPY), 'SIGKILL');
  await put(10 * MIB, 0x55);
  await harness.restart();
  await put(3 * MIB, 0x66);
  await harness.untilDone(seen, 'read -q 1M 1M');
  const pid = await daemonPid(harness, COPY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  // As copies whose record in the map was not lost, but they were.
  await loseWrites(harness, COPY, { offset: LUKS_HEADER_BYTES + MIB, length: MIB });
  // As writes whose record in the map was lost, where nothing has come yet: they were never acknowledged.
  for (const at of [7.5, 12]) {
    await harness.write(COPY, LUKS_HEADER_BYTES + at * MIB, randomBytes(MIB / 2));
  }
  await harness.restart();
  release();
  await put(5 * MIB, 0x77);
  await compare(harness, seen, bytes);
  await untilFilled(harness, COPY);
  await compare(harness, seen, bytes);
  assert.ok((await decryptFile(harness, COPY)).equals(bytes));
});

test('an empty encrypted volume is zeros before any are written, and after its target died', async () => {
  const { harness } = await startWithSnapshot();
  await using _ = harness;
  const release = await takeAllTurns(harness);
  await harness.put(volume(9, { ...SEALED, exportTo: NODE }));
  const seen = await open(harness, EMPTY);
  assert.equal(seen.progressPercent, 0);
  await qemuIo(seen, 'read -P 0 0 16M', 'write -P 0x33 5M 4k', 'flush');
  const bytes = Buffer.alloc(SIZE).fill(0x33, 5 * MIB, 5 * MIB + 4096);
  const pid = await daemonPid(harness, EMPTY);
  await harness.stop();
  process.kill(pid, 'SIGKILL');
  await harness.write(EMPTY, LUKS_HEADER_BYTES + 9 * MIB, randomBytes(MIB));
  await harness.restart();
  await harness.untilDone(seen, 'read -P 0x33 5M 4k');
  await compare(harness, seen, bytes);
  await harness.put(snapshot(2, { volumeId: EMPTY, encrypted: true }));
  await harness.untilCompleted(snapshotId(2));
  release();
  await untilFilled(harness, EMPTY);
  await compare(harness, seen, bytes);
  assert.ok((await decryptFile(harness, EMPTY)).equals(bytes));
  const block = await harness.storage.snapshots.readBlock(snapshotId(2), 10);
  assert.ok(block.equals(bytes.subarray(5 * MIB, 5 * MIB + block.length)));
  const zeros = await harness.storage.snapshots.readBlock(snapshotId(2), 18);
  assert.ok(zeros.equals(Buffer.alloc(zeros.length)));
});

test('one that fills is grown meanwhile, under its host', async () => {
  const { harness, bytes } = await startWithSnapshot();
  await using _ = harness;
  const release = slowBlocks(harness, SLOWER_MS);
  const seen = await openCopy(harness);
  const wish = { ...SEALED, fromSnapshotId: snapshotId(1), sizeBytes: 20 * MIB };
  await harness.put(volume(2, { ...wish, exportTo: NODE, generation: 2 }));
  await harness.untilDone(seen, 'read -P 0 16M 4M', 'write -P 0x55 19M 1M', 'flush');
  process.kill(await daemonPid(harness, COPY), 'SIGKILL');
  await harness.untilDone(seen, 'read -P 0 16M 3M', 'write -P 0x44 7M 1M', 'flush');
  assert.ok((await harness.volume(COPY))!.progressPercent < 100);
  release();
  await untilFilled(harness, COPY);
  const model = Buffer.concat([bytes.fill(0x44, 7 * MIB, 8 * MIB), Buffer.alloc(4 * MIB)]);
  model.fill(0x55, 19 * MIB);
  await compare(harness, seen, model);
  assert.ok((await decryptFile(harness, COPY)).equals(model));
});
