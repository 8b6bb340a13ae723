import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { exportSocketPath } from './drivers/export-sockets.ts';
import {
  Harness,
  hurriedClock,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const ID = volumeId(1);

async function startReady(options = {}): Promise<Harness> {
  const harness = await Harness.start(options);
  await harness.put(volume(1));
  await harness.untilVolume(ID, ({ state }) => state === 'ready');
  return harness;
}

/** As who measures it finds it. */
function openedAt(harness: Harness, opening: number): VolumeStorageObservation {
  const socketPath = join(harness.dataDir, exportSocketPath(ID, opening));
  return { id: ID, export: { kind: 'nbd-unix', socketPath, exportName: ID } } as never;
}

const isRefused = (message: RegExp) => ({ kind: 'incorrect-state', message });

test('a measured volume is open until its end, and who attaches it has it then, by another opening', async () => {
  await using harness = await startReady();
  const { measured } = harness.storage;
  const { opening, sizeBytes } = await measured.begin(ID);
  const opened = openedAt(harness, opening);
  await qemuIo(opened, 'write -P 0x11 0 64k', 'flush');
  await assert.rejects(measured.begin(ID), isRefused(/being measured/));
  await harness.put(volume(1, { generation: 2, exportTo: NODE, sizeBytes }));
  await systemClock.sleep(100);
  assert.equal((await harness.volume(ID))?.export, undefined);
  await measured.end(ID);
  const attached = await harness.untilVolume(ID, (each) => each.export !== undefined);
  await qemuIo(attached, 'read -P 0x11 0 64k');
  await assert.rejects(qemuIo(opened, 'read 0 64k'));
  await assert.rejects(measured.begin(ID), isRefused(/An instance has it/));
  await measured.end(ID);
});

test('a volume that somebody is at work on, or that is not there, is not measured', async () => {
  await using harness = await startReady();
  const { measured } = harness.storage;
  await assert.rejects(measured.begin(volumeId(2)), isRefused(/no such volume/));
  harness.objects.putObject = () => Promise.reject(new Error('the store is away'));
  await harness.put(snapshot(1));
  await assert.rejects(measured.begin(ID), isRefused(/snapshot of it is being taken/));
});

test('a measurement that nobody renews is ended, and one that a stop or a crash cuts short leaves nothing open', async () => {
  await using harness = await startReady({ clock: hurriedClock(100) });
  const isClosed = async () => {
    const sockets = (await harness.files()).filter((path) => path.endsWith('.nbd'));
    return sockets.length === 0;
  };
  await harness.storage.measured.begin(ID);
  assert.equal(await isClosed(), false);
  await harness.until('the lease to be over', isClosed);
  assert.throws(() => harness.storage.measured.renew(ID), isRefused(/given up/));
  await harness.storage.measured.begin(ID);
  await harness.restart();
  assert.equal(await isClosed(), true);
  await assert.doesNotReject(harness.storage.measured.begin(ID));
});

test('measured volumes keep no others from their work, are two at most, and no backup begins', async () => {
  await using harness = await startReady();
  const { measured } = harness.storage;
  for (const place of [2, 3]) {
    await harness.put(volume(place));
    await harness.untilVolume(volumeId(place), ({ state }) => state === 'ready');
  }
  await measured.begin(ID);
  await measured.begin(volumeId(2));
  await assert.rejects(measured.begin(volumeId(3)), isRefused(/2 volumes are being measured/));
  await assert.rejects(harness.storage.holdVolumes(), isRefused(/is being measured/));
  await harness.put(volume(1, { generation: 2, exportTo: NODE }));
  await harness.until('no worker to wait for it', async () => harness.storage.isQuiet());
  await measured.end(ID);
  await harness.untilVolume(ID, (each) => each.export !== undefined);
  await measured.end(volumeId(2));
});

test('a snapshot does not wait for a measurement: that is given up, and told why', async () => {
  await using harness = await startReady();
  const { measured } = harness.storage;
  const { opening } = await measured.begin(ID);
  const opened = openedAt(harness, opening);
  await qemuIo(opened, 'write -P 0x11 0 64k', 'flush');
  await harness.put(snapshot(1));
  await harness.untilCompleted(snapshotId(1));
  assert.throws(
    () => measured.renew(ID),
    isRefused(/given up: a snapshot of the volume was asked/),
  );
  await assert.rejects(qemuIo(opened, 'read 0 64k'));
  const block = await harness.storage.snapshots.readBlock(snapshotId(1), 0);
  assert.deepEqual(block.subarray(0, 65_536), Buffer.alloc(65_536, 0x11));
  // One that is complete holds nothing, and is looked at without waiting for the next measurement.
  await measured.begin(ID);
  await harness.put(volume(2), snapshot(2, { volumeId: volumeId(2) }));
  await harness.untilCompleted(snapshotId(2));
  await harness.put(snapshot(1, { generation: 2, desired: 'absent' }));
  await harness.untilSnapshot(snapshotId(1), ({ state }) => state === 'absent');
  measured.renew(ID);
  await measured.end(ID);
  await harness.put(volume(1, { generation: 2, exportTo: NODE }));
  await harness.untilVolume(ID, (each) => each.export !== undefined);
});

test('nothing is measured that a backup holds, or that the storage is at work on for longer', async () => {
  let working: Promise<void> | undefined;
  await using harness = await startReady({
    aroundStep: async (name: string, work: () => Promise<unknown>) => {
      if (name === 'volume/grow') await working;
      return await work();
    },
  });
  const { measured } = harness.storage;
  {
    await using _held = await harness.storage.holdVolumes();
    await assert.rejects(measured.begin(ID), isRefused(/A backup holds the volumes still/));
  }
  await measured.begin(ID);
  await measured.end(ID);
  const { promise, resolve } = Promise.withResolvers<void>();
  working = promise;
  await harness.put(volume(1, { generation: 2, sizeBytes: 17 * MIB }));
  await assert.rejects(measured.begin(ID), isRefused(/at work on it; try again/));
  resolve();
  await harness.untilVolume(ID, ({ generation }) => generation === 2);
  await harness.untilQuiet();
  await measured.begin(ID);
  await measured.end(ID);
});
