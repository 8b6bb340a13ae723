// Owns the tests of attach modes as users ask for them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { DIRECT, GUEST_ATTACHED, GUEST_ATTACHED_NBD } from '@ironbark/core/io-profile.ts';
import { TestCloud } from './testing/test-cloud.ts';

const KEY = 'ironbark:attach-mode';
const TRANSPORT = 'ironbark:transport';
const ZONE = { AvailabilityZone: 'us-east-1a', Size: 1 };
const GUEST = [{ ResourceType: 'volume' as const, Tags: [{ Key: KEY, Value: 'guest' }] }];

async function attach(t: TestCloud, VolumeId: string, InstanceId: string): Promise<void> {
  await t.settleVolume(VolumeId, 'available');
  await t.call('AttachVolume', { VolumeId, InstanceId, Device: '/dev/sdf' });
}

function refuses(call: Promise<unknown>, why: RegExp): Promise<void> {
  return assert.rejects(call, (error) => isServiceError(error) && why.test(error.message));
}

test('a volume is attached as its tag says at that moment, and stays so', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, TagSpecifications: GUEST });
  await attach(t, VolumeId!, id!);
  const profile = () => t.cluster.getIntent(id! as `i-${string}`).volumes[0]?.profile;
  await t.settle('the guest drives it', () => profile()?.name === GUEST_ATTACHED.name);
  const [shown] = await t.cloud.listVolumes();
  assert.deepEqual([shown?.attachMode, shown?.transport], ['guest', 'aoe']);
  await t.call('CreateTags', { Resources: [VolumeId!], Tags: [{ Key: KEY, Value: 'host' }] });
  await t.call('CreateTags', { Resources: [id!], Tags: [{ Key: 'any', Value: 'change' }] });
  assert.deepEqual(profile(), GUEST_ATTACHED);
  await t.call('DetachVolume', { VolumeId: VolumeId! });
  await attach(t, VolumeId!, id!);
  await t.settle('the host drives it', () => profile()?.name === DIRECT.name);
});

test('the transport is what the tag says when the volume is attached, and stays so', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, TagSpecifications: GUEST });
  const say = (Value: string) =>
    t.call('CreateTags', { Resources: [VolumeId!], Tags: [{ Key: TRANSPORT, Value }] });
  await say('nbd');
  await attach(t, VolumeId!, id!);
  const profile = () => t.cluster.getIntent(id! as `i-${string}`).volumes[0]?.profile;
  await t.settle('the guest drives it', () => profile()?.name === GUEST_ATTACHED_NBD.name);
  await say('aoe');
  await t.call('CreateTags', { Resources: [id!], Tags: [{ Key: 'any', Value: 'change' }] });
  assert.deepEqual(profile(), GUEST_ATTACHED_NBD);
  const [shown] = await t.cloud.listVolumes();
  assert.deepEqual([shown?.attachMode, shown?.transport], ['guest', 'nbd']);
});

test('an instance is launched with volumes that it drives itself', async () => {
  await using t = await TestCloud.start();
  const BlockDeviceMappings = [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }];
  const wish = { BlockDeviceMappings, TagSpecifications: GUEST };
  const [id] = await t.launch(await t.registerImage(), wish);
  await t.settleState(id!, 'running');
  const { volumes } = t.cluster.getIntent(id! as `i-${string}`);
  assert.deepEqual(volumes[0]?.profile, GUEST_ATTACHED);
});

test('what nobody knows, and what the guest would not hear of, is refused with a reason', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage(), {
    MetadataOptions: { HttpEndpoint: 'disabled' },
  });
  await t.settleState(id!, 'running');
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, TagSpecifications: GUEST });
  await refuses(attach(t, VolumeId!, id!), /has no metadata service/);
  const tag = (Key: string, Value: string) =>
    t.call('CreateTags', { Resources: [VolumeId!], Tags: [{ Key, Value }] });
  await refuses(tag(KEY, 'both'), /It can be host or guest/);
  await refuses(tag('ironbark:transport', 'iscsi'), /It can be aoe or nbd/);
});
