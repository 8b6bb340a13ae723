// Volumes of every kind in use on another host, here a network name space: what it was told is written is there, through the
// end of all that serves it, and after it was taken away. Ceph's images are in the suite `ceph`.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { whyNoNamespaces } from '@ironbark/node/testing/guest-namespace.ts';
import { holdBlocks, untilFilled } from '@ironbark/storage/testing/filling-volumes.ts';
import {
  ACCOUNT,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { LoopDevices } from '@ironbark/storage/testing/loop-devices.ts';
import { findInTheClear, Marker } from '@ironbark/storage/testing/sealed-volumes.ts';
import { checkNothingLeft, checkWritten } from '../support/far-node-checks.ts';
import { FarNodeLab, SIZE_BYTES, VOLUME } from '../support/far-node-lab.ts';

const skip = whyNoNamespaces();
/** Other ones than those of the tests that run beside this one. */
const HOSTS = ['198.51.100.9', '198.51.100.10'] as const;
const SEALED = { encryptedFor: ACCOUNT } as const;
const OF_SNAPSHOT = { fromSnapshotId: snapshotId(1) } as const;
/** What the snapshot has, each mebibyte with a byte of its own; zeros follow. */
const OLD_MIB = 24;
/** Those that nobody writes to. */
const OLD = Array.from({ length: OLD_MIB - 4 }, (_, at) => `read -P ${at + 5} ${at + 4}M 1M`);

test('an encrypted volume, whose zeros are written meanwhile', { skip }, async () => {
  await using lab = await FarNodeLab.make({ hosts: HOSTS, kind: SEALED });
  await checkWritten(lab);
  await checkSealed(lab);
});

for (const [what, kind] of [
  ['a volume on a disk of its own', { backend: 'device' }],
  ['an encrypted volume on a disk of its own', { backend: 'device', ...SEALED }],
] as const) {
  test(what, { skip }, async () => {
    await using disks = await LoopDevices.make([80]);
    const storage = { backends: { volumeDevices: disks.paths } };
    await using lab = await FarNodeLab.make({ hosts: HOSTS, kind, storage });
    await checkWritten(lab);
    const disk = await disks.read(0, 0, 80 * MIB);
    assert.equal(disk.includes(Buffer.alloc(MIB, 0x5b)), kind.encryptedFor === undefined);
  });
}

for (const [what, kind] of [
  ['a volume that fills from its snapshot', OF_SNAPSHOT],
  ['an encrypted volume that fills from its snapshot', { ...OF_SNAPSHOT, ...SEALED }],
] as const) {
  test(what, { skip }, async () => {
    await using lab = await FarNodeLab.make({ hosts: HOSTS, kind });
    await makeSnapshot(lab);
    // The first blocks come, the others when all that serves the volume has died.
    const release = holdBlocks(lab.harness, 10);
    await lab.attach();
    const begin = ['read -P 1 0 1M', 'write -P 0x5a 2M 1M', 'write -z 3M 64k', 'flush'];
    await lab.io(...begin, 'read -P 0x5a 2M 1M', 'read -P 0 3M 64k');
    assert.ok((await lab.harness.volume(VOLUME))!.progressPercent < 100);
    await lab.killAll();
    await lab.io('read -P 0x5a 2M 1M', 'read -P 0 3M 64k', 'write -P 0x5b 32M 64k', 'flush');
    release();
    await lab.io(...OLD, 'read -P 0 24M 8M', 'read -P 0x5b 32M 64k');
    await using writer = await lab.startWriter(40);
    await lab.killDaemon();
    await writer.untilMore();
    // The exports are closed and opened again when the last has come, under the gate.
    await untilFilled(lab.harness, VOLUME);
    await writer.untilMore();
    await writer[Symbol.asyncDispose]();
    const whole = ['read -P 1 0 1M', 'read -P 0x5a 2M 1M', 'read -P 0 3M 64k', ...OLD];
    await lab.io(...whole);
    const near = await lab.bringHome(2);
    await qemuIo(near, ...whole, 'read -P 0x5b 32M 64k');
    await checkNothingLeft(lab);
  });
}

for (const [what, kind] of [
  ['a volume in a file', {}],
  ['an encrypted volume', SEALED],
] as const) {
  test(`${what} grows while the other host writes to it`, { skip }, async () => {
    await using lab = await FarNodeLab.make({ hosts: HOSTS, kind });
    await lab.attach();
    await lab.io('write -P 0x5a 63M 1M', 'flush');
    await assert.rejects(lab.io('read 64M 1M'));
    const key = await lab.findGate();
    {
      await using writer = await lab.startWriter();
      await lab.grow(2, 72 * MIB);
      await writer.untilMore();
    }
    await lab.io('read -P 0x5a 63M 1M', 'read -P 0 64M 8M', 'write -P 0x5b 71M 1M', 'flush');
    assert.deepEqual(await lab.findGate(), { ...key, sizeBytes: 72 * MIB });
    await lab.killAll();
    await lab.io('read -P 0x5a 63M 1M', 'read -P 0 64M 7M', 'read -P 0x5b 71M 1M');
    const near = await lab.bringHome(3, 72 * MIB);
    await qemuIo(near, 'read -P 0x5a 63M 1M', 'read -P 0 64M 7M', 'read -P 0x5b 71M 1M');
    await checkNothingLeft(lab);
  });
}

test('a guest is let ask for a new length once what answers there has it, and not before', {
  skip,
}, async () => {
  await using lab = await FarNodeLab.make({ hosts: HOSTS });
  await lab.attach();
  const longer = 72 * MIB;
  await lab.harness.until('its length to be known', () => lab.isLongEnough(64 * MIB));
  assert.equal(await lab.readSize(), 64 * MIB);
  assert.equal(lab.isLongEnough(longer), false);
  // The storage is done, and the node has not heard: its client is the old one.
  await lab.put(2, { exportTo: NODE, sizeBytes: longer });
  await lab.harness.untilVolume(VOLUME, (each) => each.generation === 2);
  lab.follow([{ socketPath: lab.socket, sizeBytes: longer }]);
  await lab.harness.until('the new length', () => lab.isLongEnough(longer));
  assert.equal(await lab.readSize(), longer);
  // One that has just come up knows nothing yet, and says so.
  await lab.restartNode();
  assert.equal(lab.isLongEnough(longer), false);
  await lab.harness.until('the length once more', () => lab.isLongEnough(longer));
});

async function checkSealed(lab: FarNodeLab): Promise<void> {
  await untilFilled(lab.harness, VOLUME);
  const marker = await Marker.make(lab.harness, 64 * 1024);
  await lab.put(3);
  await lab.harness.untilVolume(VOLUME, (each) => each.generation === 3);
  await lab.attach(4, 3);
  await lab.io(marker.write(9 * MIB), 'flush');
  assert.deepEqual(await findInTheClear(lab.harness, marker), []);
}

/** Of another volume, which is not there any more. */
async function makeSnapshot({ harness, kind: { encryptedFor } }: FarNodeLab): Promise<void> {
  const sealed = encryptedFor === undefined ? {} : { encryptedFor };
  await harness.put(volume(2, { sizeBytes: SIZE_BYTES, exportTo: NODE_HERE, ...sealed }));
  const source = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  const writes = Array.from({ length: OLD_MIB }, (_, at) => `write -P ${at + 1} ${at}M 1M`);
  await qemuIo(source, ...writes, 'flush');
  const encrypted = encryptedFor === undefined ? {} : { encrypted: true };
  const taken = { volumeId: volumeId(2), volumeSizeBytes: SIZE_BYTES, ...encrypted };
  await harness.put(snapshot(1, taken));
  await harness.untilCompleted(snapshotId(1));
}

const NODE_HERE = `${NODE}-here` as const;
