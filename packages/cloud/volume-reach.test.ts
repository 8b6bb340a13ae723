// Owns the tests of which volumes instances on other hosts than the volumes' get, through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { doubleNode } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import { TestCloud } from './testing/test-cloud.ts';

const ZONE = { AvailabilityZone: 'us-east-1a' };
const FAR = { ...doubleNode('node-far'), reachesVolumes: false };

async function launchFar(t: TestCloud): Promise<string> {
  const image = await t.registerImage();
  const [id] = await t.launch(image, { InstanceType: 't3.nano' });
  await t.settleState(id!, 'running');
  return id!;
}

async function makeVolume(t: TestCloud, wish: object): Promise<string> {
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, Size: 4, ...wish });
  await t.settleVolume(VolumeId!, 'available');
  return VolumeId!;
}

test('a node that opens gates gets plain volumes, and the others are refused by name', async () => {
  await using t = await TestCloud.start({ nodes: 0 });
  t.cluster.nodes = [{ ...FAR, opensGates: true }];
  const InstanceId = await launchFar(t);
  const attach = (VolumeId: string, Device = '/dev/sdf') =>
    t.call('AttachVolume', { VolumeId, InstanceId, Device });
  const plain = await makeVolume(t, { VolumeType: 'gp3', Size: 16 });
  await attach(plain);
  await t.settleVolume(plain, 'in-use');
  await assert.rejects(t.call('ModifyVolume', { VolumeId: plain, Size: 32 }), {
    kind: 'unsupported',
    message: /Growing a volume while it is attached .* node-far/,
  });
  await t.call('ModifyVolume', { VolumeId: plain, Iops: 4_000 });
  const shared = await makeVolume(t, { VolumeType: 'io2', Iops: 100, MultiAttachEnabled: true });
  await assert.rejects(attach(shared, '/dev/sdg'), {
    kind: 'unsupported',
    message:
      /Multi-Attach enabled volumes can be attached to instances on the front end's own node/,
  });
  const Tags = [{ Key: 'ironbark:attach-mode', Value: 'guest' }];
  const own = await makeVolume(t, { TagSpecifications: [{ ResourceType: 'volume', Tags }] });
  await assert.rejects(attach(own, '/dev/sdg'), { kind: 'unsupported', message: /mode 'guest'/ });
});

test('a node that opens none gets none', async () => {
  await using t = await TestCloud.start({ nodes: 0 });
  t.cluster.nodes = [FAR];
  const InstanceId = await launchFar(t);
  const VolumeId = await makeVolume(t, {});
  await assert.rejects(t.call('AttachVolume', { VolumeId, InstanceId, Device: '/dev/sdf' }), {
    kind: 'unsupported',
    message: /runs on the node node-far; volumes can be attached/,
  });
});
