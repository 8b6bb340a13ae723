// Owns the storm: many launches at once over controllers that fail and restart at random, until all is at rest.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@ironbark/platform/random.ts';
import { TestCloud } from './testing/test-cloud.ts';

const LAUNCHES = 20;
/** Of all calls to the zone and the storage, before or after they took effect. */
const CALLS_THAT_FAIL = 0.15;
const STARTS_THAT_FAIL = 0.3;

for (const seed of [1, 2, 3]) {
  test(`20 launches under random failures settle and leak nothing (seed ${seed})`, async () => {
    const chance = seededRandom(seed);
    let isStormy = false;
    await using t = await TestCloud.start({
      seed,
      failAt: (step) => {
        if (isStormy && chance.fraction() < CALLS_THAT_FAIL) throw new Error(`planted: ${step}`);
      },
      failStart: () => chance.fraction() < STARTS_THAT_FAIL,
    });
    const image = await t.registerImage();
    isStormy = true;
    const ids = (
      await Promise.all(Array.from({ length: LAUNCHES }, () => launch(t, image)))
    ).flat();
    assert.equal(new Set(ids).size, LAUNCHES);
    await t.restart();
    for (const id of ids.slice(0, 3)) await insist(() => t.call('StopInstances', stopOf(id)));
    isStormy = chance.fraction() < 0.5;
    await t.settle('all at rest', async () => (await listStates(t)).every(isAtRest));

    const states = await listStates(t);
    assert.ok(states.includes('terminated') && states.includes('running'), states.join());
    await assertConsistent(t);
    isStormy = true;
    await insist(() => t.call('TerminateInstances', { InstanceIds: ids }));
    await t.restart();
    isStormy = false;
    await t.settle('all over', async () => {
      const over = (await listStates(t)).every((state) => state === 'terminated');
      return over && t.cluster.listIds().length === 0 && t.storage.listVolumeIds().length === 0;
    });
    assert.deepEqual((await t.call('DescribeVolumes', {})).Volumes, []);
    assert.deepEqual((await t.call('DescribeNetworkInterfaces', {})).NetworkInterfaces, []);
  });
}

function stopOf(id: string) {
  return { InstanceIds: [id], Force: true };
}

function launch(t: TestCloud, image: string): Promise<string[]> {
  const token = `launch-${Math.trunc(performance.now() * 1000)}-${counter++}`;
  return insist(() =>
    t.launch(image, {
      ClientToken: token,
      BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
    }),
  );
}

let counter = 0;

/** A client repeats what failed; its token makes that safe. */
async function insist<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      const isPlanted = error instanceof Error && error.message.startsWith('planted');
      if (!isPlanted || attempt === 50) throw error;
    }
  }
}

function isAtRest(state: string): boolean {
  return ['running', 'stopped', 'terminated'].includes(state);
}

async function listInstances(t: TestCloud) {
  const { Reservations } = await t.call('DescribeInstances', {});
  return Reservations!.flatMap((reservation) => reservation.Instances!);
}

async function listStates(t: TestCloud): Promise<string[]> {
  return (await listInstances(t)).map((instance) => instance.State!.Name!);
}

/** Addresses are unique, and every volume belongs to an instance that lives. */
async function assertConsistent(t: TestCloud): Promise<void> {
  const live = (await listInstances(t)).filter((one) => one.State!.Name !== 'terminated');
  const addresses = live.map((instance) => instance.PrivateIpAddress!);
  assert.equal(new Set(addresses).size, live.length);
  await t.settle('volumes of the dead are gone', async () => {
    const { Volumes } = await t.call('DescribeVolumes', {});
    return Volumes!.length === live.length && t.storage.listVolumeIds().length === live.length;
  });
}
