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
import { untilFilled } from './testing/filling-volumes.ts';
import {
  ACCOUNT,
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';
import { decryptFile } from './testing/sealed-volumes.ts';

const SIZE = 16 * MIB;
const COPY = volumeId(2);
const ANSWER_TIMEOUT_MS = 5_000;

/** A volume with random bytes at a place, and the bytes. */
async function startWithBytes(at: number): Promise<{ harness: Harness; bytes: Buffer }> {
  const harness = await Harness.start();
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  const bytes = randomBytes(MIB);
  await harness.write(volumeId(1), at, bytes);
  return { harness, bytes };
}

async function untilCopied(harness: Harness, at: number, bytes: Buffer): Promise<void> {
  await harness.until('its bytes', async () =>
    (await harness.read(COPY, at, MIB).catch(() => Buffer.alloc(0))).equals(bytes),
  );
}

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

/** Once this is done, nothing more is: its controller is gone. */
function diesAfterEffect(of: 'backend' | 'target', name: string) {
  const { promise: reached, resolve } = Promise.withResolvers<void>();
  let isDead = false;
  const wrap = <T extends object>(object: T, isOfIt: boolean): T =>
    new Proxy(object, {
      get: (inner, key) => {
        const value: unknown = Reflect.get(inner, key);
        if (typeof value !== 'function' || key === 'detach') return value;
        return async (...input: unknown[]) => {
          if (isDead) throw new Error('planted');
          const result: unknown = await value.apply(inner, input);
          if (!isOfIt || key !== name) return result;
          isDead = true;
          resolve();
          throw new Error('planted');
        };
      },
    });
  const drivers = ({ backend, target, ...others }: StorageDrivers): StorageDrivers => ({
    ...others,
    backend: wrap(backend, of === 'backend'),
    target: wrap(target, of === 'target'),
  });
  return { reached, drivers };
}

test('an encrypted volume whose growth is cut short after any of its effects has its bytes, and zeros behind them', async () => {
  await using harness = await Harness.start();
  const kind = { encryptedFor: ACCOUNT, exportTo: NODE };
  await harness.put(volume(1, kind));
  const seen = await harness.untilVolume(volumeId(1), (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 16M', 'flush');
  await untilFilled(harness, volumeId(1));
  let sizeMib = SIZE / MIB;
  for (const [of, name] of [
    ['backend', 'grow'],
    ['target', 'grow'],
    ['target', 'layer'],
  ] as const) {
    sizeMib += 1;
    const { reached, drivers } = diesAfterEffect(of, name);
    await harness.restart({ drivers });
    const generation = sizeMib;
    await harness.put(volume(1, { ...kind, generation, sizeBytes: sizeMib * MIB }));
    await reached;
    await harness.restart();
    const zeros = `read -P 0 16M ${sizeMib - 16}M`;
    await harness.untilDone(seen, 'read -P 0x11 0 16M', zeros, `read -P 0 ${sizeMib - 1}M 1M`);
    await untilFilled(harness, volumeId(1));
    const plain = await decryptFile(harness, volumeId(1));
    const model = Buffer.concat([Buffer.alloc(SIZE, 0x11)], sizeMib * MIB);
    assert.ok(plain.equals(model), `after ${of} ${name}`);
  }
});

test('a point in time that was taken and not served yet is served by the next controller', async () => {
  const { harness, bytes } = await startWithBytes(0);
  await using _ = harness;
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
  await untilCopied(harness, 0, bytes);
});

test('a volume whose map was being looked through is laid over its snapshot by the next controller', async () => {
  const { harness, bytes } = await startWithBytes(8 * MIB);
  await using _ = harness;
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
  await untilCopied(harness, 8 * MIB, bytes);
});
