// Encrypted volumes, with real storage daemons: what lies on disks and in the object store, and who can read it.

import assert from 'node:assert/strict';
import { readFile, rename, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { openSectors, SECTOR_BYTES } from './drivers/aes-xts.ts';
import { LUKS_HEADER_BYTES } from './drivers/luks-header.ts';
import { luksKeysOf } from './drivers/volume-seal.ts';
import { untilFilled } from './testing/filling-volumes.ts';
import {
  ACCOUNT,
  daemonPid,
  Harness,
  holdUploads,
  hurriedClock,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';
import { LoopDevices } from './testing/loop-devices.ts';
import {
  decryptFile,
  findInTheClear,
  keyringPath,
  Marker,
  readVolumeKey,
} from './testing/sealed-volumes.ts';

const VOLUME = volumeId(1);
const SEALED = { encryptedFor: ACCOUNT };

function open(harness: Harness, id: VolumeId = VOLUME) {
  return harness.untilVolume(id, (each) => each.export !== undefined);
}

function filePath(harness: Harness, id: VolumeId = VOLUME): string {
  return join(harness.dataDir, 'volumes', `${id}.raw`);
}

test('an encrypted volume is zeros to its host and noise to its disk', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE }));
  const seen = await open(harness);
  await qemuIo(seen, 'read -P 0 0 16M');
  const marker = await Marker.make(harness, 64 * KIB);
  await qemuIo(seen, marker.write(3 * MIB), 'write -P 0x22 9M 64k', 'flush');
  await untilFilled(harness, VOLUME);
  const facts = await stat(filePath(harness));
  assert.equal(facts.size, 16 * MIB + LUKS_HEADER_BYTES, 'exactly as long for the guest');
  assert.ok(facts.blocks * 512 >= 16 * MIB, 'every byte has its place');
  const file = await readFile(filePath(harness));
  assert.equal(file.subarray(0, 4).toString('latin1'), 'LUKS');
  const payload = file.subarray(LUKS_HEADER_BYTES);
  for (let at = 0; at < payload.length; at += SECTOR_BYTES) {
    assert.ok(!payload.subarray(at, at + SECTOR_BYTES).equals(Buffer.alloc(SECTOR_BYTES)), `${at}`);
  }
  assert.deepEqual(await findInTheClear(harness, marker), []);
  const key = await readVolumeKey(harness, VOLUME);
  const { payloadKey, passphrase } = luksKeysOf(key);
  const run = { key: payloadKey, first: (3 * MIB) / SECTOR_BYTES };
  const sealed = payload.subarray(3 * MIB, 3 * MIB + 64 * KIB);
  assert.ok(openSectors(run, sealed).equals(marker.bytes), 'AES-XTS under the key of the envelope');

  const argv = await readFile(`/proc/${await daemonPid(harness, VOLUME)}/cmdline`, 'utf8');
  const database = await readFile(join(harness.dataDir, 'storage.db'), 'latin1');
  const journal = await readFile(join(harness.dataDir, 'storage.db-wal'), 'latin1');
  const master = (await readFile(keyringPath(harness), 'utf8')).split(' ')[1]!.trim();
  for (const place of [argv, database, journal, harness.log()]) {
    for (const secret of [passphrase, key.toString('base64'), key.toString('latin1'), master]) {
      assert.ok(!place.includes(secret));
    }
  }
});

test('a snapshot of an encrypted volume is encrypted, and so is what is put aside for it', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE }));
  const seen = await open(harness);
  const marker = await Marker.make(harness, 512 * KIB);
  await qemuIo(seen, marker.write(0), 'write -P 0x22 9M 64k');
  const upload = holdUploads(harness);
  await harness.put(snapshot(1, { encrypted: true }));
  await upload.reached;
  await qemuIo(seen, 'write -P 0x33 0 4M', 'write -z 9M 1M', 'flush');
  assert.deepEqual(await findInTheClear(harness, marker), [], 'also while it is being read');
  upload.release();
  await harness.untilCompleted(snapshotId(1));
  assert.deepEqual(await findInTheClear(harness, marker), []);

  await qemuIo(seen, 'write -P 0x44 12M 64k', 'flush');
  await harness.put(snapshot(2, { encrypted: true }));
  const second = await harness.untilCompleted(snapshotId(2));
  assert.ok(second.addedBytes < 100 * KIB, `${second.addedBytes} bytes for what changed`);

  const copy = { ...SEALED, fromSnapshotId: snapshotId(1), sizeBytes: 20 * MIB, exportTo: NODE };
  await harness.put(volume(2, copy));
  const restored = await open(harness, volumeId(2));
  await qemuIo(restored, 'read -P 0x22 9M 64k', 'read -P 0 10M 10M', 'read -P 0 1M 8M');
  const block = await harness.storage.snapshots.readBlock(snapshotId(1), 0);
  assert.ok(block.equals(marker.bytes), 'who may read it reads plain bytes');
  await harness.put(volume(3, { ...copy, fromSnapshotId: snapshotId(2) }));
  await qemuIo(await open(harness, volumeId(3)), 'read -P 0x33 0 4M', 'read -P 0x44 12M 64k');
});

test('an encrypted volume grows under its host, by zeros', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE }));
  await qemuIo(await open(harness), 'write -P 0x11 0 16M', 'flush');
  const sizeBytes = 21 * MIB;
  await harness.put(volume(1, { ...SEALED, exportTo: NODE, sizeBytes, generation: 2 }));
  const grown = await harness.untilVolume(VOLUME, (each) => each.generation === 2);
  await qemuIo(grown, 'read -P 0x11 0 16M', 'read -P 0 16M 5M');
  // By itself: what is cut off by the daemon's end is done once more, and would read what it has written.
  await qemuIo(grown, 'write -P 0x22 20M 1M');
  assert.equal((await stat(filePath(harness))).size, sizeBytes + LUKS_HEADER_BYTES);
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await harness.untilDone(grown, 'read -P 0x11 0 16M', 'read -P 0 16M 4M', 'read -P 0x22 20M 1M');
  await untilFilled(harness, VOLUME);
  const plain = await decryptFile(harness, VOLUME);
  assert.ok(plain.subarray(0, 16 * MIB).equals(Buffer.alloc(16 * MIB, 0x11)));
  assert.ok(plain.subarray(16 * MIB, 20 * MIB).equals(Buffer.alloc(4 * MIB)));
});

test('an encrypted volume on a disk of its own has its length, grows, and no part of it is in the clear', {
  skip: process.getuid?.() === 0 ? false : 'needs root',
}, async () => {
  await using disks = await LoopDevices.make([24]);
  const backends = { volumeDevices: disks.paths };
  await using harness = await Harness.start({ backends });
  const kind = { ...SEALED, backend: 'device', exportTo: NODE } as const;
  await harness.put(volume(1, kind));
  const seen = await open(harness);
  const marker = await Marker.make(harness, 64 * KIB);
  await qemuIo(seen, 'read -P 0 0 16M', marker.write(15 * MIB), 'flush');
  await assert.rejects(qemuIo(seen, 'read 16M 512'));
  assert.equal(marker.isIn(await readFile(disks.paths[0]!)), false);
  await harness.put(snapshot(1, { encrypted: true }));
  await harness.untilCompleted(snapshotId(1));
  const block = await harness.storage.snapshots.readBlock(snapshotId(1), 30);
  assert.ok(block.subarray(0, marker.bytes.length).equals(marker.bytes));
  await harness.put(volume(1, { ...kind, generation: 2, sizeBytes: 18 * MIB }));
  await harness.untilDone(seen, 'read -P 0 16M 2M', 'write -P 0x44 17M 64k', 'flush');
  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await harness.untilDone(seen, 'read -P 0 16M 1M', 'read -P 0x44 17M 64k');
  await untilFilled(harness, VOLUME);
  const disk = (await readFile(disks.paths[0]!)).subarray(LUKS_HEADER_BYTES);
  const { payloadKey: key } = luksKeysOf(await readVolumeKey(harness, VOLUME));
  const plain = openSectors({ key, first: 0 }, disk.subarray(0, 18 * MIB));
  assert.ok(plain.subarray(15 * MIB).indexOf(marker.bytes) === 0);
  assert.ok(plain.subarray(16 * MIB, 17 * MIB).equals(Buffer.alloc(MIB)));
  await harness.put(volume(1, { generation: 3, desired: 'absent' }));
  await harness.untilVolume(VOLUME, (each) => each.state === 'absent');
});

test('what a growth that was cut short has left is not taken for the volume', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE }));
  await qemuIo(await open(harness), 'write -P 0x11 0 16M', 'flush');
  await harness.put(volume(1, { ...SEALED, generation: 2 }));
  await harness.untilVolume(VOLUME, (each) => each.generation === 2);
  await harness.untilQuiet();
  await harness.stop();
  await truncate(filePath(harness), 20 * MIB + LUKS_HEADER_BYTES);
  await harness.restart();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE, sizeBytes: 20 * MIB, generation: 3 }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.generation === 3);
  await qemuIo(seen, 'read -P 0x11 0 16M', 'read -P 0 16M 4M');
});

test('without its keyring, and with another one, nothing is opened and nothing is lost', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE }), volume(2, { exportTo: NODE }));
  const seen = await open(harness);
  await qemuIo(seen, 'write -P 0x11 0 1M', 'flush');
  const path = keyringPath(harness);
  const before = await readFile(filePath(harness));
  await rename(path, `${path}.away`);
  for (const [text, reason] of [
    [undefined, /keyring of this cloud is missing/],
    [`ironbark-keyring/1 ${systemRandom.bytes(32).toString('base64')}\n`, /is not the one/],
  ] as const) {
    if (text !== undefined) await writeFile(path, text, { mode: 0o600 });
    await harness.storage.halt();
    await harness.restart();
    const away = await harness.untilVolume(VOLUME, (each) => reason.test(each.reason ?? ''));
    assert.deepEqual([away.isAway, away.state], [true, 'ready']);
    assert.match(harness.storage.keyringProblem ?? '', reason);
    assert.match((await harness.storage.client.getReport()).keyringProblem ?? '', reason);
    const plain = await open(harness, volumeId(2));
    await harness.untilDone(plain, 'read -P 0 0 1M');
    assert.ok((await readFile(filePath(harness))).equals(before));
  }
  await rename(`${path}.away`, path);
  await harness.restart();
  await harness.untilDone(seen, 'read -P 0x11 0 1M', 'read -P 0 1M 15M');
});

test('an encrypted copy of a plain snapshot has its bytes, and they are nowhere in the clear', async () => {
  await using harness = await Harness.start({ clock: hurriedClock(20) });
  await harness.put(volume(1, { exportTo: NODE }));
  const marker = await Marker.make(harness, 512 * KIB);
  await qemuIo(await open(harness), marker.write(MIB), 'write -P 0x22 9M 64k', 'flush');
  await harness.put(snapshot(1));
  await harness.untilCompleted(snapshotId(1));
  const copy = { volumeId: 'vol-ffffffff', copyOf: snapshotId(1), encrypted: true } as const;
  await harness.put(snapshot(2, copy));
  await harness.untilCompleted(snapshotId(2));
  const gone = { generation: 2, desired: 'absent' } as const;
  await harness.put(volume(1, gone), snapshot(1, gone));
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'absent');
  await harness.until('its blocks to go', async () => {
    return (await findInTheClear(harness, marker)).length === 0;
  });
  await harness.put(volume(2, { ...SEALED, fromSnapshotId: snapshotId(2), exportTo: NODE }));
  await qemuIo(await open(harness, volumeId(2)), 'read -P 0x22 9M 64k', 'read -P 0 2M 7M');
  const block = await harness.storage.snapshots.readBlock(snapshotId(2), 2);
  assert.ok(block.equals(marker.bytes));
  await harness.put(snapshot(2, { ...copy, ...gone }));
  await harness.untilSnapshot(snapshotId(2), (each) => each.state === 'absent');
});

test('a volume is backed up as its disk has it, and opened again from that', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE }));
  const marker = await Marker.make(harness, 64 * KIB);
  await qemuIo(await open(harness), marker.write(5 * MIB), 'flush');
  const image = Buffer.alloc(16 * MIB + LUKS_HEADER_BYTES);
  {
    await using held = await harness.storage.holdVolumes();
    assert.deepEqual(held.volumes, [{ id: VOLUME, sizeBytes: image.length }]);
    for (let next: number | undefined = 0; next !== undefined; ) {
      const part = await held.read(VOLUME, next);
      for (const { offset, bytes } of part.pieces) bytes.copy(image, offset);
      next = part.nextOffset;
    }
  }
  assert.equal(marker.isIn(image), false);
  await harness.storage.halt();
  await writeFile(filePath(harness), image);
  await harness.restart();
  await harness.put(volume(1, { ...SEALED, exportTo: NODE, generation: 2 }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.generation === 2);
  await qemuIo(seen, 'read -P 0 0 5M', 'read -P 0 6M 10M');
  await harness.put(snapshot(1, { encrypted: true }));
  await harness.untilCompleted(snapshotId(1));
  const block = await harness.storage.snapshots.readBlock(snapshotId(1), 10);
  assert.ok(block.subarray(0, marker.bytes.length).equals(marker.bytes));
});
