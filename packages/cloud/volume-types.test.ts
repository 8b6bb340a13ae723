// Owns the tests of volume types: what may be ordered, what is shown and told to the storage, and how it is changed.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { EC2_ERRORS } from '@ironbark/protocol/ec2/errors.ts';
import { chooseWireError } from '@ironbark/protocol/query/wire-errors.ts';
import { TestCloud } from './testing/test-cloud.ts';

const ZONE = { AvailabilityZone: 'us-east-1a' } as const;

function refused(kind: ErrorKind, resource: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) && error.resource === resource && error.message.includes(part);
}

test('each type shows what was ordered, or its default', async () => {
  await using t = await TestCloud.start({ storageBytes: 2 ** 50 });
  const rows = [
    [{ Size: 10 }, 'gp2', 100, undefined],
    [{ Size: 100, VolumeType: 'gp2' }, 'gp2', 300, undefined],
    [{ Size: 1, VolumeType: 'gp3' }, 'gp3', 3_000, 125],
    [{ Size: 40, VolumeType: 'gp3', Iops: 20_000, Throughput: 2_000 }, 'gp3', 20_000, 2_000],
    [{ Size: 4, VolumeType: 'io1', Iops: 200 }, 'io1', 200, undefined],
    [{ Size: 4, VolumeType: 'io2', Iops: 4_000 }, 'io2', 4_000, undefined],
    [{ Size: 125, VolumeType: 'st1' }, 'st1', undefined, undefined],
    [{ Size: 1, VolumeType: 'standard' }, 'standard', undefined, undefined],
  ] as const;
  for (const [order, type, iops, throughput] of rows) {
    const made = await t.call('CreateVolume', { ...ZONE, ...order });
    const seen = await t.describeVolume(made.VolumeId!);
    for (const volume of [made, seen]) {
      assert.deepEqual(
        [volume.VolumeType, volume.Iops, volume.Throughput],
        [type, iops, throughput],
      );
    }
  }
});

const REFUSED = [
  [{ Size: 5, Iops: 100 }, 'InvalidParameterCombination', /iops is not supported for gp2/],
  [
    { Size: 5, VolumeType: 'io1', Iops: 100, Throughput: 125 },
    'InvalidParameterCombination',
    /throughput/,
  ],
  [{ Size: 5, VolumeType: 'io1' }, 'MissingParameter', /iops/],
  [{ Size: 3, VolumeType: 'io2', Iops: 100 }, 'InvalidParameterValue', /4 to 65536 GiB/],
  [{ Size: 124, VolumeType: 'st1' }, 'InvalidParameterValue', /125 to 16384 GiB/],
  [
    { Size: 4, VolumeType: 'io1', Iops: 201 },
    'InvalidParameterValue',
    /ratio of 50.250000 is too high; maximum is 50$/,
  ],
  [{ Size: 1, VolumeType: 'gp3', Iops: 3_001 }, 'InvalidParameterValue', /maximum is 500$/],
  [
    { Size: 1, VolumeType: 'gp3', Iops: 2_999 },
    'InvalidParameterValue',
    /too low; minimum is 3000/,
  ],
  [
    { Size: 200, VolumeType: 'gp3', Iops: 80_001 },
    'InvalidParameterValue',
    /too high; maximum is 80000/,
  ],
  [{ Size: 9, VolumeType: 'gp3', Throughput: 124 }, 'InvalidParameterValue', /minimum is 125/],
  [
    { Size: 9, VolumeType: 'gp3', Throughput: 1_000 },
    'InvalidParameterValue',
    /ratio of 0.333333 is too high; maximum is 0.250000/,
  ],
] as const;

for (const [order, code, message] of REFUSED) {
  test(`${JSON.stringify(order)} is ${code}`, async () => {
    await using t = await TestCloud.start();
    await assert.rejects(t.call('CreateVolume', { ...ZONE, ...order }), (error: unknown) => {
      assert.match((error as Error).message, message);
      return chooseWireError(EC2_ERRORS, error).code === code;
    });
    assert.deepEqual(t.storage.listVolumeIds(), []);
  });
}

async function settleModification(t: TestCloud, volume: string, state: string) {
  const describe = async () => {
    const { VolumesModifications: found } = await t.call('DescribeVolumesModifications', {
      VolumeIds: [volume],
    });
    return found![0]!;
  };
  await t.settle(state, async () => (await describe()).ModificationState === state);
  return describe();
}

test('a volume is changed under its guest: the storage first, then the node, and both are shown', async () => {
  await using t = await TestCloud.start();
  const [instance] = await t.launch(await t.registerImage());
  await t.settleState(instance!, 'running');
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, Size: 8 });
  await t.settleVolume(VolumeId!, 'available');
  await t.call('AttachVolume', { VolumeId: VolumeId!, InstanceId: instance!, Device: '/dev/sdf' });
  await t.settle('attached', async () => {
    return (await t.describeVolume(VolumeId!)).Attachments![0]?.State === 'attached';
  });
  assert.equal(t.storage.limitsOf(VolumeId!)?.iops, 100);
  const change = { VolumeId: VolumeId!, Size: 16, VolumeType: 'gp3' as const, Throughput: 250 };
  const { VolumeModification: begun } = await t.call('ModifyVolume', change);
  assert.deepEqual([begun!.ModificationState, begun!.Progress], ['modifying', 0]);
  const volumeOf = () => t.cluster.getIntent(instance as `i-${string}`).volumes[0]!;
  assert.equal(volumeOf().sizeBytes, 8 * GIB, 'not before the storage is done');
  await assert.rejects(
    t.call('ModifyVolume', { VolumeId: VolumeId!, Size: 17 }),
    refused('incorrect-state', 'volume-modification', 'MODIFYING'),
  );
  const done = await settleModification(t, VolumeId!, 'completed');
  assert.equal(done.Progress, 100);
  assert.deepEqual(
    [done.OriginalSize, done.OriginalVolumeType, done.OriginalIops, done.OriginalThroughput],
    [8, 'gp2', 100, undefined],
  );
  assert.deepEqual(
    [done.TargetSize, done.TargetVolumeType, done.TargetIops, done.TargetThroughput],
    [16, 'gp3', 3_000, 250],
  );
  assert.ok(done.EndTime! >= done.StartTime!);
  assert.equal(volumeOf().sizeBytes, 16 * GIB);
  assert.equal(t.storage.limitsOf(VolumeId!)?.bytesPerSecond, 250 * MIB);
  const { Size, VolumeType } = await t.describeVolume(VolumeId!);
  assert.deepEqual([Size, VolumeType], [16, 'gp3']);
  // The rates of a type stay with it, and go with it.
  await t.call('ModifyVolume', { VolumeId: VolumeId!, Iops: 4_000 });
  const faster = await settleModification(t, VolumeId!, 'completed');
  assert.deepEqual([faster.TargetIops, faster.TargetThroughput], [4_000, 250]);
  await t.call('ModifyVolume', { VolumeId: VolumeId!, VolumeType: 'gp2' });
  const back = await settleModification(t, VolumeId!, 'completed');
  assert.deepEqual([back.TargetIops, back.TargetThroughput], [100, undefined]);
});

test('ModifyVolume refuses what cannot be, and changes nothing', async () => {
  await using t = await TestCloud.start({ storageBytes: 100 * GIB });
  const creating = await t.call('CreateVolume', { ...ZONE, Size: 8, VolumeType: 'gp3' });
  const VolumeId = creating.VolumeId!;
  await assert.rejects(
    t.call('ModifyVolume', { VolumeId, Size: 9 }),
    refused('incorrect-state', 'volume', 'creating'),
  );
  await t.settleVolume(VolumeId, 'available');
  const wrong = [
    [{}, 'missing-parameter'],
    [{ Size: 7 }, 'invalid-parameter'],
    [{ Size: 200 }, 'insufficient-capacity'],
    [{ VolumeType: 'standard' }, 'invalid-parameter'],
    [{ VolumeType: 'io1' }, 'invalid-parameter'],
    [{ VolumeType: 'gp2', Iops: 3_000 }, 'invalid-combination'],
    [{ VolumeType: 'st1' }, 'invalid-parameter'],
    [{ MultiAttachEnabled: true }, 'invalid-combination'],
  ] as const;
  for (const [change, kind] of wrong) {
    const call = t.call('ModifyVolume', { VolumeId, ...change });
    await assert.rejects(call, (error: unknown) => isServiceError(error, kind));
  }
  await assert.rejects(
    t.call('ModifyVolume', { VolumeId: 'vol-0123456789abcdef0', Size: 9 }),
    refused('not-found', 'volume'),
  );
  await assert.rejects(
    t.call('DescribeVolumesModifications', { VolumeIds: [VolumeId] }),
    refused('not-found', 'volume-modification'),
  );
  assert.deepEqual((await t.call('DescribeVolumesModifications', {})).VolumesModifications, []);
  assert.equal((await t.describeVolume(VolumeId)).Size, 8);
});

test('changes are listed by filter and page, and go with their volume', async () => {
  await using t = await TestCloud.start();
  const volumes: string[] = [];
  for (let size = 1; size <= 7; size++) {
    const { VolumeId } = await t.call('CreateVolume', { ...ZONE, Size: size });
    await t.settleVolume(VolumeId!, 'available');
    await t.call('ModifyVolume', { VolumeId: VolumeId!, Size: size + 1 });
    await settleModification(t, VolumeId!, 'completed');
    volumes.push(VolumeId!);
  }
  const list = async (name: string, value: string) => {
    const Filters = [{ Name: name, Values: [value] }];
    return (await t.call('DescribeVolumesModifications', { Filters })).VolumesModifications!.length;
  };
  assert.equal(await list('modification-state', 'completed'), 7);
  assert.equal(await list('target-size', '8'), 1);
  assert.equal(await list('original-size', '8'), 0);
  assert.equal(await list('original-volume-type', 'gp2'), 7);
  const first = await t.call('DescribeVolumesModifications', { MaxResults: 5 });
  const { NextToken } = first;
  const rest = await t.call('DescribeVolumesModifications', {
    MaxResults: 5,
    NextToken: NextToken!,
  });
  assert.equal(first.VolumesModifications!.length + rest.VolumesModifications!.length, 7);
  await t.call('DeleteVolume', { VolumeId: volumes[0]! });
  await t.settle('gone', () => t.storage.listVolumeIds().length === 6);
  await t.settle('gone too', async () => {
    return (await t.call('DescribeVolumesModifications', {})).VolumesModifications!.length === 6;
  });
});

test('a volume that is lost while it is changed fails its change', async () => {
  let isLost = false;
  await using t = await TestCloud.start({ failVolume: () => isLost });
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, Size: 1 });
  await t.settleVolume(VolumeId!, 'available');
  isLost = true;
  await t.call('ModifyVolume', { VolumeId: VolumeId!, Size: 2 });
  const failed = await settleModification(t, VolumeId!, 'failed');
  assert.equal(failed.StatusMessage, 'planted');
});

test('a change that there is no room for has failed, the volume is what it was, and can be changed and attached', async () => {
  await using t = await TestCloud.start({ failGrowth: ({ sizeBytes }) => sizeBytes > 8 * GIB });
  const { VolumeId } = await t.call('CreateVolume', { ...ZONE, Size: 4 });
  await t.settleVolume(VolumeId!, 'available');
  await t.call('ModifyVolume', { VolumeId: VolumeId!, Size: 16, VolumeType: 'gp3', Iops: 4_000 });
  const failed = await settleModification(t, VolumeId!, 'failed');
  assert.deepEqual(
    [failed.StatusMessage, failed.Progress, failed.OriginalSize, failed.TargetSize],
    ['no room', 0, 4, 16],
  );
  assert.ok(failed.EndTime! >= failed.StartTime!);
  const { Size, VolumeType, State } = await t.describeVolume(VolumeId!);
  assert.deepEqual([Size, VolumeType, State], [4, 'gp2', 'available']);
  await t.settle('the storage to hear that', async () => {
    return t.storage.findIntent(VolumeId as `vol-${string}`)?.sizeBytes === 4 * GIB;
  });
  assert.equal(t.storage.limitsOf(VolumeId!)?.iops, 100);
  await t.call('ModifyVolume', { VolumeId: VolumeId!, Size: 8 });
  await settleModification(t, VolumeId!, 'completed');
  assert.equal((await t.describeVolume(VolumeId!)).Size, 8);
});

test('a launch orders volumes with the same rules', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const mapped = (ebs: object) => ({
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 4, ...ebs } }],
  });
  await assert.rejects(
    t.launch(image, mapped({ VolumeType: 'io2' })),
    refused('missing-parameter', 'request', 'iops'),
  );
  const [id] = await t.launch(image, mapped({ VolumeType: 'io2', Iops: 1_000 }));
  await t.settleState(id!, 'running');
  const [volume] = (await t.call('DescribeVolumes', {})).Volumes!;
  assert.deepEqual([volume!.VolumeType, volume!.Iops], ['io2', 1_000]);
  assert.equal(t.storage.limitsOf(volume!.VolumeId!)?.iops, 1_000);
});
