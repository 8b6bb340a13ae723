// What a controller that dies in the middle of a change of a storage daemon leaves there, and how the next one goes on.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import { DAEMON_DIRECTORIES, daemonPathsIn } from './drivers/daemon-arguments.ts';
import { openMap, pauseFill, removeLayer } from './drivers/daemon-fill.ts';
import type { StorageDrivers } from './main.ts';
import {
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const SIZE = 16 * MIB;
const COPY = volumeId(2);
const ANSWER_TIMEOUT_MS = 5_000;

/** Nobody else has the daemon's socket at that moment: it takes one client at a time. */
async function withDaemon(
  harness: Harness,
  id: VolumeId,
  work: (qmp: QmpClient) => Promise<unknown>,
): Promise<void> {
  const { controlSocket } = daemonPathsIn(harness.dataDir, id);
  const qmp = await connectQmp({
    socketPath: controlSocket,
    clock: systemClock,
    timeoutMs: ANSWER_TIMEOUT_MS,
  });
  try {
    await work(qmp);
  } finally {
    qmp.close();
  }
}

/** The first time, a step is done and then its process is gone. */
function diesAfter(name: string) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const aroundStep = async <T>(step: string, take: () => Promise<T>): Promise<T> => {
    const result = await take();
    if (step !== name) return result;
    resolve();
    throw new Error('planted');
  };
  return { reached, aroundStep };
}

/** It is gone before the point in time is written down. */
function diesAfterFreezing() {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  const drivers = ({ target, ...others }: StorageDrivers): StorageDrivers => {
    const freeze: BlockTarget['freeze'] = async (...point) => {
      await target.freeze(...point);
      resolve();
      throw new Error('planted');
    };
    const get = (object: BlockTarget, name: string | symbol) =>
      name === 'freeze' ? freeze : Reflect.get(object, name);
    return { ...others, target: new Proxy(target, { get }) };
  };
  return { reached, drivers };
}

test('a point in time that was taken and not served yet is served by the next controller', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  const bytes = randomBytes(MIB);
  await harness.write(volumeId(1), 0, bytes);
  const { reached, drivers } = diesAfterFreezing();
  await harness.restart({ drivers });
  await harness.put(snapshot(1));
  await reached;
  await harness.stop();
  await withDaemon(harness, volumeId(1), async (qmp) => {
    const exports = await qmp.execute<{ id: string }[]>('query-block-exports');
    assert.equal(exports.length, 1);
    await qmp.execute('block-export-del', { id: exports[0]!.id, mode: 'hard' });
  });
  await harness.restart();
  await harness.untilCompleted(snapshotId(1));
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), sizeBytes: SIZE }));
  await harness.until('its bytes', async () =>
    (await harness.read(COPY, 0, MIB).catch(() => Buffer.alloc(0))).equals(bytes),
  );
});

test('a volume whose map was being looked through is laid over its snapshot by the next controller', async () => {
  await using harness = await Harness.start();
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  const bytes = randomBytes(MIB);
  await harness.write(volumeId(1), 8 * MIB, bytes);
  await harness.put(snapshot(1));
  await harness.untilCompleted(snapshotId(1));
  const { reached, aroundStep } = diesAfter('volume/layer');
  await harness.restart({ aroundStep });
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), exportTo: NODE }));
  await reached;
  await harness.stop();
  await withDaemon(harness, COPY, async (qmp) => {
    await pauseFill(qmp, systemClock);
    await removeLayer(qmp);
    const { node } = await openMap(qmp, join(DAEMON_DIRECTORIES.filling, `${COPY}.qcow2`));
    const { ownSocket } = daemonPathsIn('', COPY);
    await qmp.execute('nbd-server-start', { addr: { type: 'unix', data: { path: ownSocket } } });
    const facts = { type: 'nbd', id: 'map', name: 'map', 'node-name': node, writable: false };
    await qmp.execute('block-export-add', facts);
  });
  await harness.restart();
  const seen = await harness.untilVolume(COPY, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x44 0 1M', 'flush', 'read -P 0x44 0 1M');
  await harness.until('its bytes', async () =>
    (await harness.read(COPY, 8 * MIB, MIB).catch(() => Buffer.alloc(0))).equals(bytes),
  );
});
