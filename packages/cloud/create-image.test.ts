// Owns the tests of images that are made of instances, through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeImage, launchRunning, ROOT, refused, settleImage } from './testing/ebs-lab.ts';
import { TestCloud } from './testing/test-cloud.ts';

test('CreateImage without a reboot takes all volumes of a running instance at one moment', async () => {
  await using t = await TestCloud.start();
  const id = await launchRunning(t, {
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 4 } }],
  });
  const { ImageId } = await t.call('CreateImage', {
    InstanceId: id,
    Name: 'copy',
    NoReboot: true,
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { DeleteOnTermination: false } }],
    TagSpecifications: [
      { ResourceType: 'image', Tags: [{ Key: 'kind', Value: 'image' }] },
      { ResourceType: 'snapshot', Tags: [{ Key: 'kind', Value: 'snapshot' }] },
    ],
  });
  const pending = await describeImage(t, ImageId!);
  assert.equal(pending.State, 'pending');
  assert.equal(pending.SourceInstanceId, id);
  assert.deepEqual(pending.Tags, [{ Key: 'kind', Value: 'image' }]);
  await assert.rejects(t.launch(ImageId!), refused('incorrect-state', 'image', "'pending'"));
  assert.equal((await t.describe(id)).State!.Name, 'running');
  await settleImage(t, ImageId!, 'available');
  const { BlockDeviceMappings } = await describeImage(t, ImageId!);
  assert.deepEqual(
    BlockDeviceMappings!.map(({ DeviceName, Ebs }) => [
      DeviceName,
      Ebs!.VolumeSize,
      Ebs!.DeleteOnTermination,
    ]),
    [
      [ROOT, 2, true],
      ['/dev/sdf', 4, false],
    ].toSorted(),
  );
  const ids = BlockDeviceMappings!.map(({ Ebs }) => Ebs!.SnapshotId! as `snap-${string}`);
  assert.deepEqual(t.storage.getSnapshotIntent(ids[0]!).together?.toSorted(), ids.toSorted());
  const { Snapshots } = await t.call('DescribeSnapshots', { SnapshotIds: ids });
  for (const { Description, Tags } of Snapshots!) {
    assert.equal(Description, `Created by CreateImage(${id}) for ${ImageId}`);
    assert.deepEqual(Tags, [{ Key: 'kind', Value: 'snapshot' }]);
  }
  const [copy] = await t.launch(ImageId!);
  await t.settleState(copy!, 'running');
  assert.equal((await t.describe(copy!)).BlockDeviceMappings!.length, 2);
  const { DeleteSnapshotResults } = await t.call('DeregisterImage', {
    ImageId: ImageId!,
    DeleteAssociatedSnapshots: true,
  });
  assert.deepEqual(
    DeleteSnapshotResults!.map(({ ReturnCode }) => ReturnCode),
    ['success', 'success'],
  );
});

test('CreateImage shuts the guest down, and starts it again once the moment is held', async () => {
  await using t = await TestCloud.start();
  const id = await launchRunning(t);
  const { ImageId } = await t.call('CreateImage', { InstanceId: id, Name: 'at rest' });
  assert.equal((await t.describe(id)).State!.Name, 'stopping');
  const again = t.call('CreateImage', { InstanceId: id, Name: 'another' });
  await assert.rejects(again, refused('incorrect-state', 'instance', "'stopping'"));
  await t.settle('it is off and its snapshot is asked for', async () => {
    return (
      (await describeImage(t, ImageId!)).BlockDeviceMappings![0]!.Ebs!.SnapshotId !== undefined
    );
  });
  await settleImage(t, ImageId!, 'available');
  await t.settleState(id, 'running');
});

test('an instance that its user stops or ends while an image is made of it stays so', async () => {
  await using t = await TestCloud.start();
  const id = await launchRunning(t);
  const { ImageId: first } = await t.call('CreateImage', { InstanceId: id, Name: 'first' });
  await t.call('StopInstances', { InstanceIds: [id] });
  await settleImage(t, first!, 'available');
  await t.settleState(id, 'stopped');
  await t.call('StartInstances', { InstanceIds: [id] });
  await t.settleState(id, 'running');
  const { ImageId: second } = await t.call('CreateImage', { InstanceId: id, Name: 'second' });
  await t.call('TerminateInstances', { InstanceIds: [id] });
  await settleImage(t, second!, 'failed');
  const { StateReason } = await describeImage(t, second!);
  assert.match(StateReason!.Message!, /terminated/);
  await t.call('DeregisterImage', { ImageId: second! });
});

test('an image that is deregistered before it is made lets its instance run again', async () => {
  await using t = await TestCloud.start();
  const id = await launchRunning(t);
  const { ImageId } = await t.call('CreateImage', { InstanceId: id, Name: 'unwanted' });
  await t.call('DeregisterImage', { ImageId: ImageId! });
  await t.settleState(id, 'running');
});

test('no image is made of an instance whose root disk is no volume', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  await assert.rejects(
    t.call('CreateImage', { InstanceId: id!, Name: 'none' }),
    refused('invalid-parameter', 'request', 'Instance does not have a volume attached at root'),
  );
});
