// Owns the tests of the tag that says where a volume's bytes lie.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { TestCloud } from './testing/test-cloud.ts';

const ZONE = 'us-east-1a';
const DEVICE = {
  name: 'device' as const,
  totalBytes: 12 * GIB,
  freeBytes: 12 * GIB,
  largestBytes: 8 * GIB,
};

function tagged(backend: string, size = 1) {
  const Tags = [{ Key: 'ironbark:backend', Value: backend }];
  const TagSpecifications = [{ ResourceType: 'volume' as const, Tags }];
  return { AvailabilityZone: ZONE, Size: size, TagSpecifications };
}

test('a volume’s tag says where its bytes lie, and the storage hears it', async () => {
  await using t = await TestCloud.start({ backends: [DEVICE], storageBytes: 4 * GIB });
  const onDisk = await t.call('CreateVolume', tagged('device', 8));
  const inFile = await t.call('CreateVolume', tagged('file'));
  const untold = await t.call('CreateVolume', { AvailabilityZone: ZONE, Size: 1 });
  const backends = [onDisk, inFile, untold].map(async ({ VolumeId: id }) => {
    await t.settleVolume(id!, 'available');
    return t.storage.findIntent(id as VolumeId)?.backend;
  });
  assert.deepEqual(await Promise.all(backends), ['device', 'file', undefined]);
});

test('a backend that is not there, and one without room, are refused at once', async () => {
  await using t = await TestCloud.start({ backends: [DEVICE] });
  await assert.rejects(t.call('CreateVolume', tagged('rbd')), {
    kind: 'invalid-parameter',
    message: /rbd.*ironbark:backend.*This cloud offers file, device/,
  });
  await assert.rejects(t.call('CreateVolume', tagged('device', 9)), {
    kind: 'insufficient-capacity',
    message: /The largest volume that the backend device can make now has 8 GiB/,
  });
});

test('the tag stays as the volume was made with it', async () => {
  await using t = await TestCloud.start({ backends: [DEVICE] });
  const { VolumeId: id } = await t.call('CreateVolume', tagged('device'));
  await t.settleVolume(id!, 'available');
  const Resources = [id!];
  const other = [{ Key: 'ironbark:backend', Value: 'file' }];
  const refused = { kind: 'invalid-parameter', message: /cannot be changed/ };
  await assert.rejects(t.call('CreateTags', { Resources, Tags: other }), refused);
  const named = [{ Key: 'ironbark:backend' }];
  await assert.rejects(t.call('DeleteTags', { Resources, Tags: named }), refused);
  await t.call('CreateTags', { Resources, Tags: [{ Key: 'Name', Value: 'data' }] });
  await t.call('DeleteTags', { Resources });
  const { Tags } = await t.describeVolume(id!);
  assert.deepEqual(Tags, [{ Key: 'ironbark:backend', Value: 'device' }]);
});
