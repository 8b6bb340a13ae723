// Where stopped instances start: at home, or on another node where their disks are volumes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NodeId } from '@ironbark/core/ids.ts';
import { launchRunning, rootOf } from './testing/ebs-lab.ts';
import { refused } from './testing/refused.ts';
import { TestCloud, type TestCloudOptions } from './testing/test-cloud.ts';

type Id = `i-${string}`;
const DATA = [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: true } }];

async function stoppedEbs(options: TestCloudOptions = {}) {
  const t = await TestCloud.start({ nodes: 2, ...options });
  const id = (await launchRunning(t, { BlockDeviceMappings: DATA })) as Id;
  await stop(t, id);
  return { t, id, home: t.cluster.nodeOf(id) };
}

async function stop(t: TestCloud, id: string): Promise<void> {
  await t.call('StopInstances', { InstanceIds: [id] });
  await t.settleState(id, 'stopped');
}

function start(t: TestCloud, id: string) {
  return t.call('StartInstances', { InstanceIds: [id] });
}

/** What the cloud knows of a node from now on. */
async function say(t: TestCloud, nodeId: NodeId, changes: object): Promise<void> {
  t.cluster.nodes = t.cluster.nodes.map((node) =>
    node.nodeId === nodeId ? { ...node, ...changes } : node,
  );
  // It asks at once when it starts.
  await t.restart();
  await t.settle('it has heard');
}

const NO_ROOM = { capacity: { vcpus: 64, memoryMib: 64, diskBytes: 1, diskFreeBytes: 1 } };
const REASONS = { draining: { isDraining: true }, away: { health: 'lost' }, full: NO_ROOM };

test('a stopped instance starts at home, and elsewhere when its node is drained, away, or full', async () => {
  for (const [reason, changes] of Object.entries(REASONS)) {
    const { t, id, home } = await stoppedEbs();
    await using _ = t;
    await start(t, id);
    await t.settleState(id, 'running');
    assert.equal(t.cluster.nodeOf(id), home);
    await stop(t, id);
    await say(t, home, changes);
    const { StartingInstances } = await start(t, id);
    assert.equal(StartingInstances![0]!.CurrentState!.Name, 'pending');
    await t.settleState(id, 'running');
    assert.notEqual(t.cluster.nodeOf(id), home, reason);
    assert.equal((await t.describe(id)).BlockDeviceMappings?.length, 2);
  }
});

test('it is the same instance: id, addresses, interface, disks, groups and what describes it', async () => {
  const { t, id, home } = await stoppedEbs();
  await using _ = t;
  const { AllocationId } = await t.call('AllocateAddress', { Domain: 'vpc' });
  await t.call('AssociateAddress', { AllocationId: AllocationId!, InstanceId: id });
  await t.call('CreateTags', { Resources: [id], Tags: [{ Key: 'Name', Value: 'web' }] });
  const before = await t.describe(id);
  const { interfaces } = t.cluster.getIntent(id);
  const volumes = [...t.storage.listVolumeIds()].sort();
  await say(t, home, { isDraining: true });
  await start(t, id);
  await t.settleState(id, 'running');
  const after = await t.describe(id);
  const same = ['PrivateIpAddress', 'PublicIpAddress', 'SecurityGroups', 'Tags'] as const;
  for (const key of [...same, 'BlockDeviceMappings'] as const) {
    assert.deepEqual(after[key], before[key], key);
  }
  const intent = t.cluster.getIntent(id);
  assert.deepEqual(
    intent.interfaces.map(({ id: eni, macAddress, privateIp }) => [eni, macAddress, privateIp]),
    interfaces.map(({ id: eni, macAddress, privateIp }) => [eni, macAddress, privateIp]),
  );
  assert.deepEqual([...t.storage.listVolumeIds()].sort(), volumes);
  assert.equal(intent.volumes.length, 2, 'its volumes were there before it started');
});

test('an instance whose root disk is no volume keeps to its node, and is told why', async () => {
  await using t = await TestCloud.start({ nodes: 2 });
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  await stop(t, id!);
  await say(t, t.cluster.nodeOf(id as Id), { health: 'lost' });
  const why = 'has not reported lately, and its root disk, which is no volume, is there alone';
  await assert.rejects(start(t, id!), refused('insufficient-capacity', 'instance', why));
  assert.equal((await t.describe(id!)).State?.Name, 'stopped');
});

test('where no other node can have it either it stays stopped, and what each lacks is said', async () => {
  const { t, id, home } = await stoppedEbs();
  await using _ = t;
  await say(t, home, { isDraining: true });
  await say(t, home === 'node-a' ? 'node-b' : 'node-a', { health: 'lost' });
  const why = /is being drained, and no other one can have it\. .*has not reported lately/;
  await assert.rejects(start(t, id), { kind: 'insufficient-capacity', message: why });
  assert.equal((await t.describe(id)).State?.Name, 'stopped');
  await say(t, home, { isDraining: false });
  await start(t, id);
  await t.settleState(id, 'running');
  assert.equal(t.cluster.nodeOf(id), home);
});

test('one that runs on a lost node is stopped with the reason, keeps all that it has, and starts on another one', async () => {
  await using t = await TestCloud.start({ nodes: 2 });
  const id = (await launchRunning(t, { BlockDeviceMappings: DATA })) as Id;
  const { PrivateIpAddress } = await t.describe(id);
  const home = t.cluster.nodeOf(id);
  t.cluster.loseNode(home);
  await t.settleState(id, 'stopped');
  const { StateReason, BlockDeviceMappings } = await t.describe(id);
  assert.equal(StateReason!.Code, 'Server.InternalError');
  assert.match(StateReason!.Message!, /The node node-[ab] was lost/);
  assert.equal(BlockDeviceMappings!.length, 2);
  await t.restart();
  await start(t, id);
  await t.settleState(id, 'running');
  assert.notEqual(t.cluster.nodeOf(id), home);
  const after = await t.describe(id);
  assert.equal(after.PrivateIpAddress, PrivateIpAddress);
  assert.equal(after.StateReason, undefined);
});

test('one that was stopped when its node was removed stays so, and ends whole when it is terminated', async () => {
  const { t, id, home } = await stoppedEbs();
  await using _ = t;
  t.cluster.loseNode(home);
  const VolumeId = await rootOf(t, id);
  await t.settle('its root volume is closed', () => {
    return t.storage.findIntent(VolumeId as `vol-${string}`)?.exportTo === undefined;
  });
  assert.equal((await t.describe(id)).State?.Name, 'stopped');
  assert.equal((await t.describe(id)).StateReason?.Code, 'Client.UserInitiatedShutdown');
  await t.call('TerminateInstances', { InstanceIds: [id] });
  await t.settleState(id, 'terminated');
  await t.settle('nothing is left', () => {
    return t.cluster.listIds().length === 0 && t.storage.listVolumeIds().length === 0;
  });
});

test('one whose node was removed is refused at once where no node can have it', async () => {
  const { t, id, home } = await stoppedEbs();
  await using _ = t;
  t.cluster.loseNode(home);
  const root = (await rootOf(t, id)) as `vol-${string}`;
  await t.settle('it is on no node', () => t.storage.findIntent(root)?.exportTo === undefined);
  const other = home === 'node-a' ? 'node-b' : 'node-a';
  await say(t, other, { isDraining: true });
  const why = /instance 'i-\w+' is on no node, and none can have it\. .*is being drained/;
  await assert.rejects(start(t, id), { kind: 'insufficient-capacity', message: why });
  assert.equal((await t.describe(id)).State?.Name, 'stopped');
  await say(t, other, { isDraining: false });
  await start(t, id);
  await t.settleState(id, 'running');
  assert.equal(t.cluster.nodeOf(id), other);
});

test('the volume of one that is on no node is modified to the end, and its next node has it as it is', async () => {
  const { t, id, home } = await stoppedEbs();
  await using _ = t;
  t.cluster.loseNode(home);
  const VolumeId = await rootOf(t, id);
  await t.settle('its root volume is closed', () => {
    return t.storage.findIntent(VolumeId as `vol-${string}`)?.exportTo === undefined;
  });
  const { VolumeModification } = await t.call('ModifyVolume', { VolumeId, Size: 20 });
  const modified = async () => {
    const { VolumesModifications } = await t.call('DescribeVolumesModifications', {
      VolumeIds: [VolumeId],
    });
    return VolumesModifications![0]!.ModificationState;
  };
  assert.equal(VolumeModification!.ModificationState, 'modifying');
  await t.settle('it is completed', async () => (await modified()) === 'completed');
  await t.restart();
  await start(t, id);
  await t.settleState(id, 'running');
  assert.equal(t.cluster.getIntent(id).rootDisk.sizeBytes, 20 * 2 ** 30);
});

test('it does not take the room of a launch that waits for its node', async () => {
  let isHeld = false;
  const { t, id, home } = await stoppedEbs({
    aroundStep: (step, work) => {
      if (isHeld && step === 'instance-placement/place') throw new Error('held');
      return work();
    },
  });
  await using _ = t;
  const image = await t.registerImage();
  const other = home === 'node-a' ? 'node-b' : 'node-a';
  await say(t, home, { isDraining: true });
  const room = { vcpus: 64, memoryMib: 1_536, diskBytes: 2 ** 40, diskFreeBytes: 2 ** 40 };
  await say(t, other, { capacity: room });
  isHeld = true;
  const [launched] = await t.launch(image);
  await assert.rejects(start(t, id), { kind: 'insufficient-capacity' });
  isHeld = false;
  await t.settleState(launched!, 'running');
  assert.equal(t.cluster.nodeOf(launched as Id), other);
});

test('whatever fails on the way, and whenever the cloud starts anew, it runs on one node with its disks', async () => {
  for (const count of [2, 5]) {
    let places = Number.NEGATIVE_INFINITY;
    const failAt = (step: string) => {
      if (++places === count) throw new Error(`planted at ${step}`);
    };
    const { t, id, home } = await stoppedEbs({ failAt });
    await using _ = t;
    await say(t, home, { isDraining: true });
    places = 0;
    await start(t, id);
    await t.settle(`place ${count}`, () => places >= count);
    await t.restart();
    await t.settleState(id, 'running');
    assert.notEqual(t.cluster.nodeOf(id), home);
    assert.equal(t.cluster.getIntent(id).volumes.length, 2);
  }
});
