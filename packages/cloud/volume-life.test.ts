// Owns the tests of volumes, attachments and snapshots through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { TestCloud } from './testing/test-cloud.ts';

async function makeVolume(t: TestCloud, sizeGib = 1): Promise<string> {
  const made = await t.call('CreateVolume', { AvailabilityZone: 'us-east-1a', Size: sizeGib });
  assert.equal(made.State, 'creating');
  await t.settleVolume(made.VolumeId!, 'available');
  return made.VolumeId!;
}

async function launchRunning(t: TestCloud): Promise<string> {
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  return id!;
}

function refused(kind: ErrorKind, resource: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) && error.resource === resource && error.message.includes(part);
}

test('a volume is attached to a running guest, detached and deleted', async () => {
  await using t = await TestCloud.start();
  const instance = await launchRunning(t);
  const volume = await makeVolume(t);
  const attach = { VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' };
  assert.equal((await t.call('AttachVolume', attach)).State, 'attaching');
  await t.settle('attached', async () => {
    const { State, Attachments } = await t.describeVolume(volume);
    return State === 'in-use' && Attachments![0]!.State === 'attached';
  });
  assert.equal(t.cluster.hasOpen(volume as `vol-${string}`), true);
  const { BlockDeviceMappings } = await t.describe(instance);
  assert.equal(BlockDeviceMappings![0]!.DeviceName, '/dev/sdf');
  await assert.rejects(t.call('DeleteVolume', { VolumeId: volume }), refused('in-use', 'volume'));

  assert.equal((await t.call('DetachVolume', { VolumeId: volume })).State, 'detaching');
  await t.settleVolume(volume, 'available');
  assert.equal(t.cluster.hasOpen(volume as `vol-${string}`), false);
  await t.call('DeleteVolume', { VolumeId: volume });
  await t.settle('gone', () => t.storage.listVolumeIds().length === 0);
  await assert.rejects(t.describeVolume(volume), refused('not-found', 'volume'));
});

test('a volume attached to a stopped instance is there when it starts', async () => {
  await using t = await TestCloud.start();
  const instance = await launchRunning(t);
  await t.call('StopInstances', { InstanceIds: [instance] });
  await t.settleState(instance, 'stopped');
  const volume = await makeVolume(t);
  await t.call('AttachVolume', { VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' });
  await t.settle('attached', async () => {
    return (await t.describeVolume(volume)).Attachments![0]!.State === 'attached';
  });
  await t.call('StartInstances', { InstanceIds: [instance] });
  await t.settleState(instance, 'running');
  assert.equal(t.cluster.hasOpen(volume as `vol-${string}`), true);
});

test('what a launch maps goes with the instance only where it is to', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage(), {
    BlockDeviceMappings: [
      { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } },
      { DeviceName: '/dev/sdg', Ebs: { VolumeSize: 2, DeleteOnTermination: false } },
    ],
  });
  await t.settleState(id!, 'running');
  assert.equal(t.cluster.getIntent(id! as `i-${string}`).volumes.length, 2);
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'terminated');
  await t.settle('volumes settled', async () => {
    const { Volumes } = await t.call('DescribeVolumes', {});
    return Volumes!.length === 1 && Volumes![0]!.State === 'available';
  });
  const { Volumes } = await t.call('DescribeVolumes', {});
  assert.equal(Volumes![0]!.Size, 2);
});

test('a snapshot is taken, becomes a volume, and both orders of deletion work', async () => {
  await using t = await TestCloud.start();
  const volume = await makeVolume(t, 3);
  const { SnapshotId, State } = await t.call('CreateSnapshot', { VolumeId: volume });
  assert.equal(State, 'pending');
  await assert.rejects(
    t.call('CreateVolume', { AvailabilityZone: 'us-east-1a', SnapshotId: SnapshotId! }),
    refused('incorrect-state', 'snapshot'),
  );
  // The storage still reads the volume: it goes only when the snapshot is done.
  await t.call('DeleteVolume', { VolumeId: volume });
  await t.settle('completed', async () => {
    const { Snapshots } = await t.call('DescribeSnapshots', { SnapshotIds: [SnapshotId!] });
    return Snapshots![0]!.State === 'completed' && Snapshots![0]!.Progress === '100%';
  });
  await t.settle('volume gone', () => t.storage.listVolumeIds().length === 0);
  const made = await t.call('CreateVolume', {
    AvailabilityZone: 'us-east-1a',
    SnapshotId: SnapshotId!,
  });
  assert.equal(made.Size, 3);
  // The snapshot is still read: it goes only when the volume is filled.
  await t.call('DeleteSnapshot', { SnapshotId: SnapshotId! });
  await t.settleVolume(made.VolumeId!, 'available');
  await t.settle('snapshot gone', () => t.storage.listSnapshotIds().length === 0);
});

test('AttachVolume refuses what cannot be, and changes nothing', async () => {
  await using t = await TestCloud.start();
  const instance = await launchRunning(t);
  const volume = await makeVolume(t);
  const other = await makeVolume(t);
  const attach = (input: object) =>
    t.call('AttachVolume', {
      VolumeId: volume,
      InstanceId: instance,
      Device: '/dev/sdf',
      ...input,
    });
  const cases: [object, ReturnType<typeof refused>][] = [
    [{ VolumeId: 'vol-1' }, refused('malformed-id', 'volume')],
    [{ VolumeId: 'vol-00000000000000000' }, refused('not-found', 'volume')],
    [{ InstanceId: 'i-00000000000000000' }, refused('not-found', 'instance')],
    [{ Device: '/dev/vda' }, refused('in-use', 'device')],
    [{ Device: 'sda; rm' }, refused('invalid-parameter', 'request')],
  ];
  for (const [input, expected] of cases) await assert.rejects(attach(input), expected);
  await attach({ VolumeId: other });
  await assert.rejects(attach({}), refused('in-use', 'device'));
  await assert.rejects(
    attach({ VolumeId: other, Device: '/dev/sdg' }),
    refused('in-use', 'volume'),
  );
  await t.call('TerminateInstances', { InstanceIds: [instance] });
  await assert.rejects(attach({ Device: '/dev/sdh' }), refused('incorrect-state', 'instance'));
  await t.settleState(instance, 'terminated');
  await assert.rejects(attach({}), refused('incorrect-state', 'instance', 'terminated'));
  assert.equal((await t.describeVolume(volume)).State, 'available');
});

test('a volume beyond the free room is refused, counting what is promised already', async () => {
  await using t = await TestCloud.start({ storageBytes: 5 * 2 ** 30 });
  const create = (Size: number) => t.call('CreateVolume', { AvailabilityZone: 'us-east-1a', Size });
  await create(3);
  await assert.rejects(create(3), refused('insufficient-capacity', 'volume', '2 GiB free'));
  await create(2);
  const wrongZone = t.call('CreateVolume', { AvailabilityZone: 'us-east-1b', Size: 1 });
  await assert.rejects(wrongZone, refused('not-found', 'availability-zone'));
});

test('detaching by force does not wait for the guest', async () => {
  await using t = await TestCloud.start();
  const instance = await launchRunning(t);
  const volume = await makeVolume(t);
  await t.call('AttachVolume', { VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' });
  await assert.rejects(
    t.call('DetachVolume', { VolumeId: volume, Device: '/dev/sdg' }),
    refused('not-attached', 'attachment'),
  );
  await t.call('DetachVolume', { VolumeId: volume, Force: true });
  await t.settleVolume(volume, 'available');
  await assert.rejects(
    t.call('DetachVolume', { VolumeId: volume }),
    refused('incorrect-state', 'volume'),
  );
});

test('the status of an attached volume tells that its guest waits, since when, and its end', async () => {
  await using t = await TestCloud.start();
  const instance = await launchRunning(t);
  const volume = await makeVolume(t);
  await t.call('AttachVolume', { VolumeId: volume, InstanceId: instance, Device: '/dev/sdf' });
  await t.settleVolume(volume, 'in-use');
  const describe = async (status: string) => {
    const Filters = [{ Name: 'volume-status.status', Values: [status] }];
    return (await t.call('DescribeVolumeStatus', { Filters })).VolumeStatuses!;
  };
  assert.equal((await describe('ok')).length, 1);
  t.storage.setAway(volume, true);
  await t.settle('impaired', async () => (await describe('impaired')).length === 1);
  const [seen] = await describe('impaired');
  assert.deepEqual(
    seen!.VolumeStatus!.Details!.map(({ Name, Status }) => [Name, Status]),
    [
      ['io-enabled', 'passed'],
      ['io-performance', 'stalled'],
    ],
  );
  const [event] = seen!.Events!;
  assert.deepEqual([event!.EventType, event!.InstanceId], ['io-performance:stalled', instance]);
  assert.ok(event!.NotBefore! <= new Date(systemClock.nowMs()));
  t.storage.setAway(volume, false);
  await t.settle('ok again', async () => (await describe('ok')).length === 1);
  assert.deepEqual((await describe('ok'))[0]!.Events, []);
});
