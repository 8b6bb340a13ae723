// Owns the tests of images whose root disks are volumes, and of their instances, through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorKind, ErrorResource } from '@ironbark/core/errors.ts';
import {
  describeImage,
  type Ebs,
  launchRunning,
  makeSnapshot,
  ROOT,
  refused,
  register,
  rootOf,
  settleImage,
} from './testing/ebs-lab.ts';
import { TestCloud } from './testing/test-cloud.ts';

test('what an owner declares of an image is shown of it and of its copies', async () => {
  await using t = await TestCloud.start();
  const BlockDeviceMappings = [{ DeviceName: ROOT, Ebs: { SnapshotId: await makeSnapshot(t) } }];
  // Terraform sends the location empty.
  const location = { ImageLocation: '', BlockDeviceMappings };
  const registration = { Name: 'declared', RootDeviceName: ROOT, ...location };
  const wrong = t.call('RegisterImage', { ...registration, SriovNetSupport: 'complex' });
  await assert.rejects(wrong, refused('invalid-parameter', 'request', 'SriovNetSupport'));
  const { ImageId } = await t.call('RegisterImage', { ...registration, SriovNetSupport: 'simple' });
  const copy = { Name: 'copy', SourceImageId: ImageId!, SourceRegion: 'us-east-1' };
  const copied = await t.call('CopyImage', copy);
  const Filters = [{ Name: 'sriov-net-support', Values: ['simple'] }];
  const { Images } = await t.call('DescribeImages', { Filters });
  assert.deepEqual(Images!.map((one) => one.ImageId).sort(), [ImageId, copied.ImageId].sort());
  const shown = await t.call('DescribeImageAttribute', {
    ImageId: ImageId!,
    Attribute: 'sriovNetSupport',
  });
  assert.equal(shown.SriovNetSupport!.Value, 'simple');
});

test('an image is registered from a snapshot, which it keeps and leaves behind', async () => {
  await using t = await TestCloud.start();
  const snapshot = await makeSnapshot(t);
  const image = await register(t, snapshot, { VolumeType: 'gp3', VolumeSize: 3 });
  const shown = await describeImage(t, image);
  assert.equal(shown.RootDeviceType, 'ebs');
  assert.equal(shown.RootDeviceName, ROOT);
  assert.equal(shown.State, 'available');
  assert.deepEqual(shown.BlockDeviceMappings, [
    {
      DeviceName: ROOT,
      Ebs: {
        DeleteOnTermination: true,
        Iops: 3000,
        SnapshotId: snapshot,
        VolumeSize: 3,
        VolumeType: 'gp3',
        Throughput: 125,
        Encrypted: false,
      },
    },
  ]);
  const isFound = async (Name: string, value: string) => {
    const { Images } = await t.call('DescribeImages', { Filters: [{ Name, Values: [value] }] });
    return Images!.length === 1;
  };
  assert.equal(await isFound('root-device-type', 'ebs'), true);
  assert.equal(await isFound('block-device-mapping.snapshot-id', snapshot), true);
  assert.equal(await isFound('block-device-mapping.volume-size', '4'), false);
  await assert.rejects(
    t.call('DeleteSnapshot', { SnapshotId: snapshot }),
    refused('in-use', 'snapshot', `currently in use by ${image}`),
  );
  await t.call('DeregisterImage', { ImageId: image });
  const again = t.call('DeregisterImage', { ImageId: image });
  await assert.rejects(again, refused('incorrect-state', 'image', 'is no longer available'));
  const ImageIds = [image];
  assert.deepEqual((await t.call('DescribeImages', { ImageIds })).Images, []);
  assert.equal(
    (await t.call('DescribeSnapshots', { SnapshotIds: [snapshot] })).Snapshots!.length,
    1,
  );
  await t.call('DeleteSnapshot', { SnapshotId: snapshot });
});

test('what cannot be an image is refused', async () => {
  await using t = await TestCloud.start();
  const snapshot = await makeSnapshot(t);
  const mapped = (Ebs: Ebs, DeviceName = ROOT) => ({
    RootDeviceName: ROOT,
    BlockDeviceMappings: [{ DeviceName, Ebs }],
  });
  const cases: [object, ErrorKind, ErrorResource, string][] = [
    [mapped({ VolumeSize: 2 }), 'invalid-parameter', 'block-device-mapping', 'No snapshot'],
    [mapped({ SnapshotId: snapshot }, '/dev/sdf'), 'invalid-parameter', 'block-device-mapping', ''],
    [mapped({ SnapshotId: 'snap-00000000' }), 'not-found', 'snapshot', 'snap-00000000'],
    [
      mapped({ SnapshotId: snapshot, VolumeSize: 1 }),
      'invalid-parameter',
      'block-device-mapping',
      'expect size >= 2GB',
    ],
    [
      mapped({ SnapshotId: snapshot, VolumeType: 'sc1', VolumeSize: 200 }),
      'invalid-parameter',
      'block-device-mapping',
      'not compatible with root',
    ],
    [{ ...mapped({ SnapshotId: snapshot }), BootMode: 'uefi' }, 'unsupported', 'action', 'uefi'],
    [{}, 'missing-parameter', 'request', 'ImageLocation'],
  ];
  for (const [input, kind, resource, part] of cases) {
    const call = t.call('RegisterImage', { Name: 'refused', ...input });
    await assert.rejects(call, refused(kind, resource, part), part);
  }
  const stranger = await t.addAccount('stranger');
  await t.call('ModifySnapshotAttribute', {
    SnapshotId: snapshot,
    Attribute: 'createVolumePermission',
    OperationType: 'add',
    UserIds: [stranger.accountId],
  });
  // Shared, it makes volumes; an image of somebody else's would keep its owner from deleting it.
  await assert.rejects(
    t.callAs(stranger, 'RegisterImage', { Name: 'theirs', ...mapped({ SnapshotId: snapshot }) }),
    refused('not-found', 'snapshot'),
  );
});

test('an instance gets its root volume from the snapshot, and takes it with it', async () => {
  await using t = await TestCloud.start();
  const snapshot = await makeSnapshot(t);
  const image = await register(t, snapshot);
  const [id] = await t.launch(image, {
    BlockDeviceMappings: [
      { DeviceName: ROOT, Ebs: { VolumeSize: 8, VolumeType: 'gp3', Iops: 4000 } },
      { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: false } },
    ],
    TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'of', Value: 'it' }] }],
  });
  await t.settleState(id!, 'running');
  const instance = await t.describe(id!);
  assert.equal(instance.RootDeviceType, 'ebs');
  assert.equal(instance.RootDeviceName, ROOT);
  const mapped = instance.BlockDeviceMappings!;
  assert.deepEqual(
    mapped.map(({ DeviceName, Ebs }) => [DeviceName, Ebs!.DeleteOnTermination, Ebs!.Status]),
    [
      [ROOT, true, 'attached'],
      ['/dev/sdf', false, 'attached'],
    ],
  );
  const root = await t.describeVolume(mapped[0]!.Ebs!.VolumeId!);
  assert.equal(root.SnapshotId, snapshot);
  assert.deepEqual([root.Size, root.VolumeType, root.Iops], [8, 'gp3', 4000]);
  assert.deepEqual(root.Tags, [{ Key: 'of', Value: 'it' }]);
  const intent = t.cluster.getIntent(id as `i-${string}`);
  assert.equal(intent.image.root, undefined);
  assert.equal(intent.rootDisk.volumeId, root.VolumeId);
  assert.equal(intent.rootDisk.sizeBytes, 8 * 2 ** 30);
  assert.equal(intent.volumes.length, 2);
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'terminated');
  await t.settleVolume(mapped[1]!.Ebs!.VolumeId!, 'available');
  await t.settle('the root is gone', () => t.storage.listVolumeIds().length === 1);
});

test('what a launch may not do to a root volume is refused and leaves nothing', async () => {
  await using t = await TestCloud.start();
  const snapshot = await makeSnapshot(t);
  const image = await register(t, snapshot);
  const root = (mapping: object) => ({ BlockDeviceMappings: [{ DeviceName: ROOT, ...mapping }] });
  const cases: [object, string][] = [
    [root({ Ebs: { VolumeSize: 1 } }), 'expect size >= 2GB'],
    [root({ Ebs: { SnapshotId: 'snap-00000000' } }), 'cannot be modified on root device'],
    [root({ NoDevice: '' }), 'no instance is without it'],
    [root({ Ebs: { VolumeType: 'st1', VolumeSize: 200 } }), 'not compatible with root'],
    [root({ VirtualName: 'ephemeral0' }), 'only EBS volumes'],
  ];
  for (const [input, part] of cases) {
    const wanted = refused('invalid-parameter', 'block-device-mapping', part);
    await assert.rejects(t.launch(image, input), wanted, part);
  }
  assert.deepEqual((await t.call('DescribeVolumes', {})).Volumes, []);
});

test('a root volume is opened as every volume, so another I/O profile is refused', async () => {
  await using t = await TestCloud.start();
  const image = await register(t, await makeSnapshot(t));
  const Tags = [{ Key: 'ironbark:io-profile', Value: 'read-stream' }];
  const wanted = refused('unsupported', 'action', 'read-stream for a root disk that is a volume');
  await assert.rejects(
    t.launch(image, { TagSpecifications: [{ ResourceType: 'instance', Tags }] }),
    wanted,
  );
  const [id] = await t.launch(image);
  await assert.rejects(t.call('CreateTags', { Resources: [id!], Tags }), wanted);
});

test('an image’s other volumes come with it unless they are left out', async () => {
  await using t = await TestCloud.start();
  const SnapshotId = await makeSnapshot(t);
  const { ImageId } = await t.call('RegisterImage', {
    Name: 'with data',
    RootDeviceName: ROOT,
    BlockDeviceMappings: [
      { DeviceName: ROOT, Ebs: { SnapshotId, DeleteOnTermination: false } },
      { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 4, VolumeType: 'io1', Iops: 100 } },
      { DeviceName: '/dev/sdg', Ebs: { SnapshotId } },
    ],
  });
  const [id] = await t.launch(ImageId!, {
    BlockDeviceMappings: [
      { DeviceName: '/dev/sdf', Ebs: { VolumeType: 'gp2' } },
      { DeviceName: '/dev/sdg', NoDevice: '' },
    ],
  });
  await t.settleState(id!, 'running');
  const { Volumes } = await t.call('DescribeVolumes', {});
  const shown = Volumes!.map(({ Size, VolumeType, Attachments }) => [
    Attachments![0]!.Device,
    Size,
    VolumeType,
    Attachments![0]!.DeleteOnTermination,
  ]);
  assert.deepEqual(shown.toSorted(), [
    [ROOT, 2, 'gp2', false],
    ['/dev/sdf', 4, 'gp2', true],
  ]);
});

test('a launch whose root volume cannot be made ends terminated and leaves no volume', async () => {
  let isFailing = false;
  await using t = await TestCloud.start({ failVolume: () => isFailing });
  const image = await register(t, await makeSnapshot(t));
  isFailing = true;
  const [id] = await t.launch(image);
  await t.settleState(id!, 'terminated');
  const { StateReason } = await t.describe(id!);
  assert.equal(StateReason!.Code, 'Server.InternalError');
  await t.settle('no volume is left', () => t.storage.listVolumeIds().length === 0);
  assert.deepEqual((await t.call('DescribeVolumes', {})).Volumes, []);
});

test('a root volume is detached from a stopped instance only, which then cannot start', async () => {
  await using t = await TestCloud.start();
  const id = await launchRunning(t);
  const VolumeId = await rootOf(t, id);
  for (const Force of [false, true]) {
    await assert.rejects(
      t.call('DetachVolume', { VolumeId, Force }),
      refused('incorrect-state', 'volume', `Unable to detach root volume '${VolumeId}'`),
    );
  }
  await t.call('StopInstances', { InstanceIds: [id] });
  await t.settleState(id, 'stopped');
  assert.equal(await rootOf(t, id), VolumeId);
  await t.call('DetachVolume', { VolumeId });
  await t.settleVolume(VolumeId, 'available');
  const noRoot = refused('invalid-parameter', 'request', `attached at root (${ROOT})`);
  await assert.rejects(t.call('StartInstances', { InstanceIds: [id] }), noRoot);
  await assert.rejects(t.call('CreateImage', { InstanceId: id, Name: 'none' }), noRoot);
  await t.call('AttachVolume', { VolumeId, InstanceId: id, Device: ROOT });
  await t.settle('attached', async () => {
    return (await t.describeVolume(VolumeId)).Attachments![0]!.State === 'attached';
  });
  await t.call('StartInstances', { InstanceIds: [id] });
  await t.settleState(id, 'running');
  // Attached later, it stays as every volume does.
  await t.call('TerminateInstances', { InstanceIds: [id] });
  await t.settleVolume(VolumeId, 'available');
});

test('ModifyInstanceAttribute changes what becomes of a volume at the end', async () => {
  await using t = await TestCloud.start();
  const id = await launchRunning(t);
  const VolumeId = await rootOf(t, id);
  const modify = (Ebs: object, DeviceName = ROOT) =>
    t.call('ModifyInstanceAttribute', {
      InstanceId: id,
      BlockDeviceMappings: [{ DeviceName, Ebs }],
    });
  const wrong = refused('invalid-parameter', 'block-device-mapping');
  await assert.rejects(modify({ DeleteOnTermination: false }, '/dev/sdz'), wrong);
  await assert.rejects(modify({ VolumeId: 'vol-00000000' }), wrong);
  await modify({ DeleteOnTermination: false });
  const { BlockDeviceMappings } = await t.call('DescribeInstanceAttribute', {
    InstanceId: id,
    Attribute: 'blockDeviceMapping',
  });
  assert.equal(BlockDeviceMappings![0]!.Ebs!.DeleteOnTermination, false);
  await t.call('TerminateInstances', { InstanceIds: [id] });
  await t.settleVolume(VolumeId, 'available');
});

test('a manifest’s root disk becomes a snapshot when the image maps it to a volume', async () => {
  await using t = await TestCloud.start();
  await t.registerImage();
  const { ImageId } = await t.call('RegisterImage', {
    Name: 'tiny ebs',
    ImageLocation: 'images/tiny/manifest.json',
    BlockDeviceMappings: [{ DeviceName: '/dev/vda', Ebs: { VolumeType: 'gp3' } }],
  });
  assert.equal((await describeImage(t, ImageId!)).State, 'pending');
  await settleImage(t, ImageId!, 'available');
  const { BlockDeviceMappings, RootDeviceType } = await describeImage(t, ImageId!);
  assert.equal(RootDeviceType, 'ebs');
  const { SnapshotId, VolumeSize } = BlockDeviceMappings![0]!.Ebs!;
  assert.equal(VolumeSize, 1);
  const { source } = t.storage.getSnapshotIntent(SnapshotId as `snap-${string}`);
  assert.equal(source?.key, 'tiny/root');
  const [id] = await t.launch(ImageId!);
  await t.settleState(id!, 'running');
  assert.equal((await t.describe(id!)).RootDeviceType, 'ebs');
});
