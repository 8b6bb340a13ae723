// The rows of the attack list that concern volumes and snapshots: formats that a guest chose, giants, and old bytes.

import assert from 'node:assert/strict';
import { open, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { isServiceError } from '@ironbark/core/errors.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import {
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { SmallDisk } from '../support/small-disk.ts';

const SIZE_BYTES = 16 * MIB;
const HEADER_BYTES = 64 * KIB;
const isRoot = process.getuid?.() === 0;

/** A qcow2 of a GiB whose backing file is one of the host's, as a guest would write it to its disk. */
async function writeHeader(harness: Harness, digit: number): Promise<Buffer> {
  const path = join(harness.root, 'header.qcow2');
  const backing = ['-b', '/etc/passwd', '-F', 'raw'];
  await systemCommands.run('qemu-img', ['create', '-q', '-f', 'qcow2', ...backing, path, '1G']);
  await harness.put(volume(digit, { sizeBytes: SIZE_BYTES, exportTo: NODE }));
  const seen = await harness.untilVolume(volumeId(digit), (each) => each.export !== undefined);
  await qemuIo(seen, `write -s ${path} 0 ${HEADER_BYTES}`, 'flush');
  const header = await harness.read(volumeId(digit), 0, HEADER_BYTES);
  assert.equal(header.toString('latin1', 0, 4), 'QFI\xfb');
  return header;
}

/** The volume is as long as it was made, and begins with these bytes. */
async function checkRaw(harness: Harness, digit: number, header: Buffer, sizeBytes: number) {
  const id = volumeId(digit);
  const seen = await harness.untilVolume(id, (each) => each.export !== undefined);
  await harness.untilDone(seen, `read -P 0 ${HEADER_BYTES + 4 * MIB} 64k`, `read 0 ${sizeBytes}`);
  await assert.rejects(qemuIo(seen, `read ${sizeBytes} 4k`), /beyond|past|Input\/output|Invalid/i);
  assert.ok((await harness.read(id, 0, HEADER_BYTES)).equals(header), 'the header is data');
}

/** To twice its size, while nobody has it open. */
async function grow(harness: Harness) {
  const larger = { sizeBytes: 2 * SIZE_BYTES };
  await harness.put(volume(1, { generation: 2, ...larger }));
  await harness.untilVolume(volumeId(1), (each) => each.generation === 2);
  await harness.put(volume(1, { generation: 3, ...larger, exportTo: NODE }));
  return await harness.untilVolume(volumeId(1), (each) => each.generation === 3);
}

test('A28: a qcow2 header on a volume is data when it is opened again and when it grows', async () => {
  await using harness = await Harness.start();
  const header = await writeHeader(harness, 1);
  await harness.storage.halt();
  await harness.restart();
  await checkRaw(harness, 1, header, SIZE_BYTES);
  await grow(harness);
  await checkRaw(harness, 1, header, 2 * SIZE_BYTES);
});

test('A27: a snapshot whose bytes name a backing file becomes a volume with those bytes', async () => {
  await using harness = await Harness.start();
  const header = await writeHeader(harness, 1);
  await harness.put(snapshot(1, { volumeSizeBytes: SIZE_BYTES }));
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'completed');
  const fromSnapshotId = snapshotId(1);
  await harness.put(volume(2, { sizeBytes: SIZE_BYTES, fromSnapshotId, exportTo: NODE }));
  await checkRaw(harness, 2, header, SIZE_BYTES);
});

const NO_SIZES = [2 ** 46 + 512, 2 ** 60, Number.MAX_VALUE, -512, 0, 1.5, 511, Number.NaN];

test('A29: sizes that no volume can have are refused before anything is made', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  const isRefused = (error: unknown) => isServiceError(error, 'invalid-parameter');
  for (const size of NO_SIZES) {
    await assert.rejects(harness.put(volume(1, { sizeBytes: size })), isRefused, `${size}`);
    const wish = snapshot(1, { volumeSizeBytes: size });
    await assert.rejects(harness.put(wish), isRefused, `${size}`);
  }
  const { volumes, snapshots } = await harness.storage.client.getReport();
  assert.deepEqual([volumes, snapshots], [[], []]);
});

const BOMB_BYTES = 256 * MIB;
/** What unpacking it would take at least. */
const MAX_GROWTH_BYTES = BOMB_BYTES / 2;

test('A29: what was stored of a snapshot cannot grow beyond the volume it was taken of', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(volume(1, { sizeBytes: SIZE_BYTES }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await harness.write(volumeId(1), 0, Buffer.alloc(MIB, 'text '));
  await harness.put(snapshot(1, { volumeSizeBytes: SIZE_BYTES }));
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'completed');
  const files = await harness.files();
  const bomb = zstdCompressSync(Buffer.alloc(BOMB_BYTES));
  for (const [bucket, objects] of harness.objects.buckets) {
    const keys = [...objects.keys()].filter((key) => !key.endsWith('manifest.json'));
    assert.ok(keys.length > 0);
    for (const key of keys) await harness.objects.putObject({ bucket, key, body: bomb });
  }
  const before = process.memoryUsage().rss;
  await harness.put(volume(2, { sizeBytes: SIZE_BYTES, fromSnapshotId: snapshotId(1) }));
  const failed = await harness.untilVolume(volumeId(2), (each) => each.state === 'failed');
  assert.match(failed.reason ?? '', /damaged/);
  assert.ok(process.memoryUsage().rss - before < MAX_GROWTH_BYTES, 'it was not unpacked');
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), files);
});

const DISK_BYTES = 96 * MIB;
const OLD = 0xa5;

test('a new volume on a disk full of old bytes reads zeros, and so does what one grows by', {
  skip: isRoot ? false : 'NOT RUN: mounting a small disk needs root',
}, async () => {
  await using disk = await SmallDisk.make(DISK_BYTES);
  await fillWithOldBytes(disk);
  await using harness = await Harness.start({ dataDir: join(disk.path, 's') });
  await harness.put(volume(1, { sizeBytes: SIZE_BYTES, exportTo: NODE }));
  const first = await harness.untilVolume(volumeId(1), (each) => each.export !== undefined);
  await qemuIo(first, `read -P 0 0 ${SIZE_BYTES}`, `write -P ${OLD} 0 ${SIZE_BYTES}`, 'flush');
  const grown = await grow(harness);
  await qemuIo(grown, `read -P 0 ${SIZE_BYTES} ${SIZE_BYTES}`);
  await qemuIo(grown, `write -P ${OLD} ${SIZE_BYTES} ${SIZE_BYTES}`, 'flush');
  await harness.put(volume(1, { generation: 4, desired: 'absent', sizeBytes: 2 * SIZE_BYTES }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'absent');
  await harness.put(volume(2, { sizeBytes: 3 * SIZE_BYTES, exportTo: NODE }));
  const second = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  await qemuIo(second, `read -P 0 0 ${3 * SIZE_BYTES}`);
});

/** Every block that a file can have, written and given back. */
async function fillWithOldBytes(disk: SmallDisk): Promise<void> {
  const path = join(disk.path, 'old');
  const bytes = Buffer.alloc((await disk.freeBytes()) - MIB, OLD);
  {
    await using file = await open(path, 'w');
    await writeFully(file, bytes);
    await file.sync();
  }
  assert.ok((await readFile(path)).equals(bytes));
  await rm(path);
  assert.deepEqual(await readdir(disk.path), ['lost+found']);
}
