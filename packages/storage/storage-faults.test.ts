// Every call of every driver fails in turn, before it has done anything and after it has done everything, with
// and without a restart of the service in between. What is left in the end is what was asked for, no more.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StorageDrivers } from './main.ts';
import {
  Harness,
  hurriedClock,
  NODE,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

/** Waits between attempts pass so many times as fast. */
const HURRY = 20;

type Moment = 'before' | 'after';

interface Fault {
  at: number;
  moment: Moment;
  restart: boolean;
}

/** Calls that change something; looking is repeated anyway. */
const EFFECTS: Readonly<Record<keyof StorageDrivers, readonly string[]>> = {
  backend: ['create', 'createFrom', 'grow', 'remove'],
  target: ['export', 'unexport', 'stop', 'freeze', 'thaw'],
  objects: ['ensureBucket', 'putObject', 'getObject', 'deleteObject', 'listObjects'],
};

/** Counts effects, and has the one at `fault.at` fail once. */
class FaultPlan {
  count = 0;
  fired = false;
  fault: Fault | undefined;

  wrap = (drivers: StorageDrivers): StorageDrivers => ({
    backend: this.#wrap('backend', drivers.backend),
    target: this.#wrap('target', drivers.target),
    objects: this.#wrap('objects', drivers.objects),
  });

  #wrap<Driver extends object>(kind: keyof StorageDrivers, driver: Driver): Driver {
    return new Proxy(driver, {
      get: (object, name) => {
        const value = Reflect.get(object, name);
        if (typeof value !== 'function') return value;
        const call = (...args: unknown[]) => value.apply(object, args);
        return EFFECTS[kind].includes(String(name)) ? this.#failing(call) : call;
      },
    });
  }

  #failing(call: (...args: unknown[]) => Promise<unknown>) {
    return async (...args: unknown[]) => {
      const mine = this.count++ === this.fault?.at ? this.fault : undefined;
      if (mine?.moment === 'before') this.#fire();
      const result = await call(...args);
      if (mine?.moment === 'after') this.#fire();
      return result;
    };
  }

  #fire(): never {
    this.fired = true;
    throw new Error('planted');
  }
}

/** A life with everything in it; returns the number of effects that it took. */
async function live(fault: Fault | undefined): Promise<number> {
  const plan = new FaultPlan();
  plan.fault = fault;
  await using harness = await Harness.start({
    target: 'simulated',
    drivers: plan.wrap,
    clock: hurriedClock(HURRY),
  });
  const settle = async (isSo: () => Promise<boolean>) => {
    await harness.until('the fault or the end', async () => plan.fired || (await isSo()));
    if (plan.fired && fault?.restart === true) {
      plan.fired = false;
      await harness.restart();
    }
    await harness.until(`the end of ${JSON.stringify(fault)}`, isSo);
  };
  await harness.put(volume(1, { exportTo: NODE, sizeBytes: 8 * 2 ** 20 }));
  await settle(async () => (await harness.volume(volumeId(1)))?.export !== undefined);
  await harness.write(volumeId(1), 5 * 2 ** 20, Buffer.alloc(4096, 7));
  const wish = snapshot(1, { volumeSizeBytes: 8 * 2 ** 20 });
  await harness.put(wish, volume(1, { generation: 2, sizeBytes: 12 * 2 ** 20 }));
  await settle(async () => (await harness.snapshot(wish.id))?.state !== 'pending');
  await settle(async () => (await harness.volume(volumeId(1)))?.generation === 2);
  const taken = await harness.snapshot(wish.id);
  if (taken?.state === 'completed') {
    const copy = { fromSnapshotId: wish.id, sizeBytes: 8 * 2 ** 20 };
    await harness.put(volume(2, copy));
    await settle(async () => (await harness.volume(volumeId(2)))?.state === 'ready');
    const bytes = await harness.read(volumeId(2), 5 * 2 ** 20, 4096);
    assert.deepEqual(bytes, Buffer.alloc(4096, 7));
  } else {
    // Only a restart loses a simulated point in time, and only that may end so.
    assert.ok(fault?.restart, taken?.reason);
  }
  await harness.put(
    volume(1, { generation: 3, desired: 'absent' }),
    volume(2, { generation: 3, desired: 'absent', sizeBytes: 8 * 2 ** 20 }),
    snapshot(1, { generation: 3, desired: 'absent' }),
  );
  await settle(async () => {
    const { volumes, snapshots } = await harness.storage.client.getReport();
    return [...volumes, ...snapshots].every((each) => each.state === 'absent');
  });
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), []);
  await harness.until('blocks to go', () => harness.objectKeys().length === 0);
  const ids = { volumes: [volumeId(1), volumeId(2)], snapshots: [snapshotId(1)] };
  await harness.storage.client.forget(ids);
  const { volumes, snapshots } = await harness.storage.client.getReport();
  assert.deepEqual([...volumes, ...snapshots], []);
  return plan.count;
}

test('a whole life fails at each effect in turn and leaves nothing over', async (t) => {
  const effects = await live(undefined);
  assert.ok(effects > 15, `only ${effects} effects`);
  t.diagnostic(`${effects} effects`);
  for (let at = 0; at < effects; at++) {
    for (const moment of ['before', 'after'] as const) {
      for (const restart of [false, true]) await live({ at, moment, restart });
    }
  }
});

test('intents in any order, doubled and old, end in the newest', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(snapshot(1));
  await harness.put(volume(1, { generation: 3 }), volume(1, { generation: 2, exportTo: NODE }));
  await harness.put(volume(1, { generation: 1, desired: 'absent' }), volume(1, { generation: 3 }));
  const seen = await harness.untilVolume(volumeId(1), (each) => each.generation === 3);
  assert.deepEqual([seen.state, seen.export], ['ready', undefined]);
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'completed');
  const gone = { generation: 4, desired: 'absent' as const };
  await harness.put(volume(1, gone), volume(7, gone));
  await harness.untilVolume(volumeId(7), (each) => each.state === 'absent');
  await harness.untilVolume(volumeId(1), (each) => each.state === 'absent');
  await harness.storage.client.forget({ volumes: [volumeId(1)], snapshots: [snapshotId(1)] });
  await harness.put(volume(1, { generation: 5 }));
  await harness.untilQuiet();
  assert.equal(await harness.volume(volumeId(1)), undefined);
  assert.equal((await harness.snapshot(snapshotId(1)))?.state, 'completed', 'not absent: kept');
});

test('a volume waits for its snapshot, and fails with it', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  const put = harness.objects.putObject.bind(harness.objects);
  let isAway = true;
  harness.objects.putObject = (input) => (isAway ? Promise.reject(new Error('away')) : put(input));
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await harness.put(snapshot(1), volume(2, { fromSnapshotId: snapshotId(1) }));
  await harness.put(snapshot(2, { volumeId: volumeId(9) }));
  await harness.put(volume(9, { desired: 'absent' }));
  await harness.put(volume(3, { fromSnapshotId: snapshotId(2) }));
  const failed = await harness.untilVolume(volumeId(3), (each) => each.state === 'failed');
  assert.match(failed.reason ?? '', /cannot be used/);
  assert.equal((await harness.snapshot(snapshotId(2)))?.state, 'failed');
  assert.equal((await harness.volume(volumeId(2)))?.state, 'creating');
  isAway = false;
  await harness.untilVolume(volumeId(2), (each) => each.state === 'ready');
});

test('a damaged block fails the new volume and leaves no file', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await harness.write(volumeId(1), 0, Buffer.alloc(4096, 7));
  await harness.put(snapshot(1));
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'completed');
  const [bucket] = [...harness.objects.buckets.values()];
  const key = [...bucket!.keys()].find((each) => each.startsWith('blocks/'))!;
  bucket!.get(key)![9]! ^= 1;
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1) }));
  const failed = await harness.untilVolume(volumeId(2), (each) => each.state === 'failed');
  assert.match(failed.reason ?? '', /damaged: block 0/);
  assert.equal(failed.generation, 1);
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), [`volumes/${volumeId(1)}.raw`]);
});

test('a volume whose file is gone is never made anew with zeros', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  await harness.put(volume(1));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  await harness.remove(volumeId(1));
  await harness.put(volume(1, { generation: 2, exportTo: NODE }));
  const failed = await harness.untilVolume(volumeId(1), (each) => each.state === 'failed');
  assert.match(failed.reason ?? '', /gone from the storage/);
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), []);
});

test('bad ids and sizes are refused, and change nothing', async () => {
  await using harness = await Harness.start({ target: 'simulated' });
  const bad = { ...volume(1), id: 'vol-../../etc' as const };
  await assert.rejects(harness.put(volume(2), bad), { kind: 'malformed-id' });
  await assert.rejects(harness.put(volume(1, { sizeBytes: 1000 })), { kind: 'invalid-parameter' });
  const { volumes } = await harness.storage.client.getReport();
  assert.deepEqual(volumes, []);
});
