// What the cloud does of instances whose node was removed as lost.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TestCloud } from './testing/test-cloud.ts';

const VOLUMES = [
  { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: true } },
  { DeviceName: '/dev/sdg', Ebs: { VolumeSize: 2, DeleteOnTermination: false } },
];

async function runningOnTwoNodes(options: Parameters<typeof TestCloud.start>[0] = {}) {
  const t = await TestCloud.start({ nodes: 2, ...options });
  const image = await t.registerImage();
  const launch = async () =>
    (await t.launch(image, { BlockDeviceMappings: VOLUMES }))[0] as `i-${string}`;
  const id = await launch();
  await t.settleState(id, 'running');
  return { t, id, nodeId: t.cluster.nodeOf(id), launch };
}

test('an instance ends with its lost node: why is said, addresses and interfaces come free, and all volumes stay', async () => {
  const { t, id, nodeId } = await runningOnTwoNodes();
  await using _ = t;
  const { NetworkInterfaces } = await t.describe(id);
  const eni = NetworkInterfaces![0]!.NetworkInterfaceId!;
  const { AllocationId } = await t.call('AllocateAddress', { Domain: 'vpc' });
  await t.call('AssociateAddress', { AllocationId: AllocationId!, InstanceId: id });
  t.cluster.loseNode(nodeId);
  await t.settleState(id, 'terminated');
  const { StateReason } = await t.describe(id);
  assert.equal(StateReason?.Code, 'Server.InternalError');
  assert.match(StateReason!.Message!, /The node node-[ab] was lost/);
  await t.settle('volumes', async () => {
    const { Volumes } = await t.call('DescribeVolumes', {});
    const found = Volumes!.map(({ State, Size }) => `${Size} ${State}`).sort();
    return found.join() === '1 available,2 available';
  });
  const { Addresses } = await t.call('DescribeAddresses', {});
  assert.equal(Addresses![0]!.AssociationId, undefined);
  await assert.rejects(t.call('DescribeNetworkInterfaces', { NetworkInterfaceIds: [eni] }), {
    kind: 'not-found',
  });
  await t.settle('the zone has dropped it', () => t.cluster.listIds().length === 0);
});

test('a stopped instance ends with its lost node, and so does one that is being stopped or started', async () => {
  for (const action of ['stopped', 'StopInstances', 'StartInstances'] as const) {
    const { t, id, nodeId } = await runningOnTwoNodes();
    await using _ = t;
    if (action !== 'StopInstances') {
      await t.call('StopInstances', { InstanceIds: [id] });
      await t.settleState(id, 'stopped');
    }
    if (action !== 'stopped') await t.call(action, { InstanceIds: [id] });
    t.cluster.loseNode(nodeId);
    await t.settleState(id, 'terminated');
    assert.equal((await t.describe(id)).StateReason?.Code, 'Server.InternalError', action);
  }
});

test('whoever terminated it before is named, and the rest of the cloud runs on', async () => {
  const { t, id, nodeId, launch } = await runningOnTwoNodes();
  await using _ = t;
  const others = [await launch(), await launch()];
  for (const other of others) await t.settleState(other, 'running');
  const spared = others.filter((other) => t.cluster.nodeOf(other) !== nodeId);
  assert.ok(spared.length > 0);
  await t.call('TerminateInstances', { InstanceIds: [id] });
  t.cluster.loseNode(nodeId);
  await t.settleState(id, 'terminated');
  assert.equal((await t.describe(id)).StateReason?.Code, 'Client.UserInitiatedShutdown');
  for (const other of spared) assert.equal((await t.describe(other)).State?.Name, 'running');
});

/** Fails once at the `count`th place where it can. */
function failOnceAt(count: number): { failAt: (step: string) => void; hasFailed: () => boolean } {
  let places = Number.NEGATIVE_INFINITY;
  const failAt = (step: string) => {
    if (step === 'cluster armed') places = 0;
    else if (++places === count) throw new Error(`planted at ${step}`);
  };
  return { failAt, hasFailed: () => places >= count };
}

test('whatever fails on the way, and whenever the cloud starts anew, nothing is left of it', async () => {
  for (let count = 1; count <= 11; count += 2) {
    const { failAt, hasFailed } = failOnceAt(count);
    const { t, id, nodeId } = await runningOnTwoNodes({ failAt });
    await using _ = t;
    failAt('cluster armed');
    t.cluster.loseNode(nodeId);
    await t.settle(`place ${count}`, hasFailed);
    await t.restart();
    await t.settleState(id, 'terminated');
    await t.settle('nothing is left', async () => {
      const { Volumes } = await t.call('DescribeVolumes', {});
      const isFree = Volumes!.length === 2 && Volumes!.every(({ State }) => State === 'available');
      return isFree && t.cluster.listIds().length === 0 && t.storage.listVolumeIds().length === 2;
    });
  }
});
