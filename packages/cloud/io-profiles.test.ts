// Owns the tests of I/O profiles as users ask for them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { DIRECT, READ_STREAM } from '@ironbark/core/io-profile.ts';
import { TestCloud } from './testing/test-cloud.ts';

const KEY = 'ironbark:io-profile';

test('an instance gets the I/O profile of its tag, another from the next start on', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const Tags = [{ Key: KEY, Value: 'read-stream' }];
  const [id] = await t.launch(image, {
    TagSpecifications: [{ ResourceType: 'instance', Tags }],
  });
  await t.settleState(id!, 'running');
  const profile = () => t.cluster.getIntent(id! as `i-${string}`).rootDisk.profile;
  assert.deepEqual(profile(), READ_STREAM);
  await t.call('DeleteTags', { Resources: [id!], Tags: [{ Key: KEY }] });
  await t.settle('the default', () => profile().name === DIRECT.name);
});

test('a profile that is unknown, bad or without effect is refused with a reason', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [id] = await t.launch(image);
  const zone = { AvailabilityZone: 'us-east-1a', Size: 1 };
  const { VolumeId } = await t.call('CreateVolume', zone);
  const cases = [
    [id!, 'fastest', /I\/O profiles are direct, read-stream/],
    [id!, 'paper-kvm-2010', /the KVM of 2010/],
    [id!, 'toString', /I\/O profiles are/],
    [id!, 'shared-memory', /shared-memory is not offered.*keeps no record of the requests/],
    [VolumeId!, 'shared-memory', /shared-memory is not offered.*keeps no record of the requests/],
    [VolumeId!, 'read-stream', /past the host's page cache/],
  ] as const;
  for (const [resource, Value, why] of cases) {
    const call = t.call('CreateTags', { Resources: [resource], Tags: [{ Key: KEY, Value }] });
    await assert.rejects(call, (error) => isServiceError(error) && why.test(error.message), Value);
  }
});

test('a snapshot takes the tag of its volume along', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [id] = await t.launch(image);
  await t.settleState(id!, 'running');
  const zone = { AvailabilityZone: 'us-east-1a', Size: 1 };
  const Tags = [{ Key: KEY, Value: 'direct' }];
  const TagSpecifications = [{ ResourceType: 'volume' as const, Tags }];
  const { VolumeId } = await t.call('CreateVolume', { ...zone, TagSpecifications });
  await t.settleVolume(VolumeId!, 'available');
  await t.call('AttachVolume', { VolumeId: VolumeId!, InstanceId: id!, Device: '/dev/sdf' });
  const { Snapshots } = await t.call('CreateSnapshots', {
    InstanceSpecification: { InstanceId: id!, ExcludeBootVolume: true },
    CopyTagsFromSource: 'volume',
  });
  assert.deepEqual(Snapshots?.[0]?.Tags, Tags);
});
