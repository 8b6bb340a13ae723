// Volumes and snapshots where the storage keeps points in time itself, as Ceph does: what is cloned, what is kept, and
// that nothing is left over, whatever fails. `npm run faults -- ceph` has a real one.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { StorageDrivers } from './main.ts';
import { CountedPoints } from './testing/counted-points.ts';
import {
  Harness,
  hurriedClock,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const SIZE = 16 * MIB;
const IN_CEPH = { backend: 'rbd', sizeBytes: SIZE } as const;
const HURRY = 10;

/** A target that has the storage take what it is to hold. */
function takingPoints(ceph: CountedPoints) {
  return (drivers: StorageDrivers): StorageDrivers => {
    const { target } = drivers;
    const freeze = target.freeze.bind(target);
    target.freeze = async (id, taken, ...how) => {
      await freeze(id, taken, ...how);
      ceph.take({ id, snapshotId: taken });
    };
    return drivers;
  };
}

async function start(aroundStep?: AroundStep): Promise<{ harness: Harness; ceph: CountedPoints }> {
  const folder: { harness?: Harness } = {};
  const ceph = new CountedPoints(() => folder.harness!.dataDir);
  const harness = await Harness.start({
    target: 'simulated',
    clock: hurriedClock(HURRY),
    staged: { rbd: ceph },
    drivers: takingPoints(ceph),
    ...(aroundStep === undefined ? {} : { aroundStep }),
  });
  folder.harness = harness;
  return { harness, ceph };
}

async function complete(harness: Harness, digit: number): Promise<void> {
  await harness.put(snapshot(digit, { volumeSizeBytes: SIZE }));
  const seen = await harness.untilSnapshot(snapshotId(digit), (each) => each.state !== 'pending');
  assert.equal(seen.state, 'completed', seen.reason);
}

async function liveThrough(harness: Harness, ceph: CountedPoints): Promise<void> {
  const [one, two] = [volumeId(1), volumeId(2)];
  await harness.put(volume(1, IN_CEPH));
  await harness.untilVolume(one, (each) => each.state === 'ready');
  await complete(harness, 1);
  assert.deepEqual([...ceph.taken], [`${one}@${snapshotId(1)}`]);
  await harness.put(volume(2, { ...IN_CEPH, fromSnapshotId: snapshotId(1) }));
  await harness.untilVolume(two, (each) => each.state === 'ready' && each.progressPercent === 100);
  assert.equal(ceph.written, 0, 'nothing came through the object store');
  assert.deepEqual([...ceph.clones], []);
  await complete(harness, 2);
  const newest = `${one}@${snapshotId(2)}`;
  await harness.until('the older one dropped', () => [...ceph.taken].join() === newest);
}

async function removeAll(harness: Harness, ceph: CountedPoints): Promise<void> {
  const absent = { generation: 2, desired: 'absent' } as const;
  await harness.put(volume(1, { ...IN_CEPH, ...absent }), snapshot(1, absent));
  await harness.put(volume(2, { ...IN_CEPH, ...absent }), snapshot(2, absent));
  await harness.until('all of it gone', async () => {
    const { volumes, snapshots } = await harness.storage.client.getReport();
    return [...volumes, ...snapshots].every(({ state }) => state === 'absent');
  });
  assert.deepEqual([[...ceph.taken], [...ceph.images], [...ceph.trash]], [[], [], []]);
}

test('a volume from a snapshot that the storage still has is a clone; the newest one is kept', async () => {
  const { harness, ceph } = await start();
  await using _ = harness;
  await liveThrough(harness, ceph);
  await removeAll(harness, ceph);
});

test('each of these steps may fail before and after, and nothing is left over', async () => {
  const steps = ['volume/clone', 'volume/flatten', 'volume/note-flat', 'snapshot/drop-point'];
  const faults = new Set(steps.flatMap((step) => [`before ${step}`, `after ${step}`]));
  const { harness, ceph } = await start(async (step, take) => {
    if (faults.delete(`before ${step}`)) throw new Error('before');
    const result = await take();
    if (faults.delete(`after ${step}`)) throw new Error('after');
    return result;
  });
  await using _ = harness;
  await liveThrough(harness, ceph);
  await removeAll(harness, ceph);
  assert.deepEqual([...faults], []);
});

test('a volume is filled when the storage has dropped the point, or its own volume is gone', async () => {
  const { harness, ceph } = await start();
  await using _ = harness;
  await harness.put(volume(1, IN_CEPH));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await harness.write(volumeId(1), 0, Buffer.alloc(MIB, 7));
  await complete(harness, 1);
  ceph.taken.clear();
  await harness.put(volume(2, { ...IN_CEPH, fromSnapshotId: snapshotId(1) }));
  await harness.untilVolume(volumeId(2), (each) => each.state === 'ready');
  assert.ok(ceph.written > 0);
  await harness.put(volume(1, { ...IN_CEPH, generation: 2, desired: 'absent' }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'absent');
  ceph.written = 0;
  await harness.put(volume(3, { ...IN_CEPH, fromSnapshotId: snapshotId(1) }));
  await harness.untilVolume(volumeId(3), (each) => each.state === 'ready');
  assert.ok(ceph.written > 0);
});

test('a start drops points that nobody waits for', async () => {
  const { harness, ceph } = await start();
  await using _ = harness;
  await harness.put(volume(1, IN_CEPH));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await complete(harness, 1);
  ceph.take({ id: volumeId(1), snapshotId: snapshotId(9) });
  await harness.restart();
  assert.deepEqual([...ceph.taken], [`${volumeId(1)}@${snapshotId(1)}`]);
});

test('a storage that does not answer holds up no start', async () => {
  const { harness, ceph } = await start();
  await using _ = harness;
  ceph.listUnfinished = async () => {
    throw new ServiceError({ kind: 'unavailable', resource: 'volume', message: 'away' });
  };
  await harness.restart();
  await harness.put(volume(5));
  await harness.untilVolume(volumeId(5), (each) => each.state === 'ready');
});
