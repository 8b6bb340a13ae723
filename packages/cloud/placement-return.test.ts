// Owns the tests of instances that were placed on a node just before it was removed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCloud } from './testing/test-cloud.ts';

const VOLUME = [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: true } }];

/** With an instance on `node-a`, of whose end the cloud hears only when it wants the instance there. */
async function launchOnRemoved(nodes: number): Promise<{ t: TestCloud; id: `i-${string}` }> {
  let isDeaf = false;
  const failAt = (step: string) => {
    if (step === 'cluster putInstances before') isDeaf = false;
    if (step === 'cluster describeNodes' && isDeaf) throw new Error('planted');
  };
  const t = await TestCloud.start({ nodes, failAt });
  const image = await t.registerImage();
  await t.settle('idle');
  isDeaf = true;
  const [, ...others] = t.cluster.nodes;
  t.cluster.nodes = others;
  const [id] = await t.launch(image, { BlockDeviceMappings: VOLUME });
  return { t, id: id as `i-${string}` };
}

test('an instance whose node was removed before it heard of it runs on another one', async () => {
  const { t, id } = await launchOnRemoved(2);
  await using _ = t;
  await t.settleState(id, 'running');
  assert.equal(t.cluster.nodeOf(id), 'node-b');
  assert.equal((await t.describe(id)).BlockDeviceMappings?.length, 1);
});

test('where there is no other node it ends all the same when it is terminated', async () => {
  const { t, id } = await launchOnRemoved(1);
  await using _ = t;
  await t.call('TerminateInstances', { InstanceIds: [id] });
  await t.settleState(id, 'terminated');
  await t.settle('clean', () => t.storage.listVolumeIds().length === 0);
});
