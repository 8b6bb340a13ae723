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
  await t.call('ModifyVolume', { VolumeId: plain, Size: 32, Iops: 4_000 });
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

test('launches with volumes go where gates lead, and are refused where none does', async () => {
  await using t = await TestCloud.start({ nodes: 0 });
  t.cluster.nodes = [{ ...FAR, opensGates: true }];
  const image = await t.registerImage();
  const mapped = { BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 4 } }] };
  const [id] = await t.launch(image, { InstanceType: 't3.nano', ...mapped });
  await t.settleState(id!, 'running');
  const ofGuest = { Key: 'ironbark:attach-mode', Value: 'guest' };
  const TagSpecifications = [{ ResourceType: 'volume' as const, Tags: [ofGuest] }];
  const why = { kind: 'insufficient-capacity', message: /attach mode 'guest' have to be/ };
  const wish = { InstanceType: 't3.nano' as const, ...mapped };
  await assert.rejects(t.launch(image, { ...wish, TagSpecifications }), why);
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
  const mapped = { BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 4 } }] };
  const wish = { InstanceType: 't3.nano' as const, ...mapped };
  const { Images } = await t.call('DescribeImages', { Owners: ['self'] });
  await assert.rejects(t.launch(Images![0]!.ImageId!, wish), {
    kind: 'insufficient-capacity',
    message: /has no way to them from another one/,
  });
});
