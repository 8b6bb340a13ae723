// Owns the tests of snapshots that are taken together, copied, shared and locked, through the actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { TestCloud } from './testing/test-cloud.ts';

const ZONE = 'us-east-1a';
const DAY_MS = 24 * 60 * 60 * 1000;

function refused(kind: ErrorKind, resource: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) && error.resource === resource && error.message.includes(part);
}

async function makeVolume(t: TestCloud, sizeGib = 1): Promise<string> {
  const { VolumeId } = await t.call('CreateVolume', { AvailabilityZone: ZONE, Size: sizeGib });
  await t.settleVolume(VolumeId!, 'available');
  return VolumeId!;
}

async function makeSnapshot(t: TestCloud): Promise<string> {
  const { SnapshotId } = await t.call('CreateSnapshot', { VolumeId: await makeVolume(t, 3) });
  await completed(t, SnapshotId!);
  return SnapshotId!;
}

function completed(t: TestCloud, id: string): Promise<void> {
  return t.settle(`${id} completed`, async () => {
    const { Snapshots } = await t.call('DescribeSnapshots', { SnapshotIds: [id] });
    return Snapshots![0]!.State === 'completed';
  });
}

test('CreateSnapshots takes an instance’s volumes together, but for those that are excluded', async () => {
  await using t = await TestCloud.start();
  const [instance] = await t.launch(await t.registerImage());
  await t.settleState(instance!, 'running');
  const InstanceSpecification = { InstanceId: instance! };
  await assert.rejects(
    t.call('CreateSnapshots', { InstanceSpecification }),
    refused('incorrect-state', 'snapshot', 'its root device is an instance store'),
  );
  const volumes = [await makeVolume(t), await makeVolume(t, 2), await makeVolume(t, 3)];
  for (const [at, VolumeId] of volumes.entries()) {
    await t.call('AttachVolume', {
      VolumeId,
      InstanceId: instance!,
      Device: `/dev/sd${'fgh'[at]}`,
    });
    await t.call('CreateTags', { Resources: [VolumeId], Tags: [{ Key: 'at', Value: `${at}` }] });
  }
  const { Snapshots } = await t.call('CreateSnapshots', {
    InstanceSpecification: {
      ...InstanceSpecification,
      ExcludeBootVolume: true,
      ExcludeDataVolumeIds: [volumes[1]!],
    },
    Description: 'both',
    CopyTagsFromSource: 'volume',
    TagSpecifications: [{ ResourceType: 'snapshot', Tags: [{ Key: 'set', Value: 'a' }] }],
  });
  const taken = Snapshots!.toSorted((left, right) => left.VolumeSize! - right.VolumeSize!);
  assert.deepEqual(
    taken.map(({ VolumeId, State, Description }) => [VolumeId, State, Description]),
    [volumes[0], volumes[2]].map((id) => [id, 'pending', 'both']),
  );
  assert.deepEqual(taken[1]!.Tags, [
    { Key: 'at', Value: '2' },
    { Key: 'set', Value: 'a' },
  ]);
  for (const { SnapshotId } of taken) await completed(t, SnapshotId!);
  const ids = taken.map(({ SnapshotId }) => SnapshotId as SnapshotId);
  for (const id of ids)
    assert.deepEqual(t.storage.getSnapshotIntent(id).together?.toSorted(), ids.toSorted());
  await assert.rejects(
    t.call('CreateSnapshots', {
      InstanceSpecification: {
        ...InstanceSpecification,
        ExcludeDataVolumeIds: ['vol-00000000000000000'],
      },
    }),
    refused('not-found', 'volume'),
  );
});

test('a copy is a snapshot of its own, and has the bytes when its source is gone', async () => {
  await using t = await TestCloud.start();
  const source = await makeSnapshot(t);
  const wish = { SourceRegion: 'us-east-1', SourceSnapshotId: source, Description: 'copied' };
  await assert.rejects(
    t.call('CopySnapshot', { ...wish, SourceRegion: 'eu-west-1' }),
    refused('invalid-parameter', 'request', 'one region, us-east-1'),
  );
  const { SnapshotId: copy } = await t.call('CopySnapshot', wish);
  const { SnapshotId: second } = await t.call('CopySnapshot', { ...wish, SourceSnapshotId: copy! });
  await t.call('DeleteSnapshot', { SnapshotId: source });
  await t.call('DeleteSnapshot', { SnapshotId: copy! });
  const { Snapshots } = await t.call('DescribeSnapshots', {});
  assert.deepEqual(
    Snapshots!.map(({ SnapshotId, Description, VolumeSize, State }) => [
      SnapshotId,
      Description,
      VolumeSize,
      State,
    ]),
    [[second, 'copied', 3, 'completed']],
  );
  assert.deepEqual(t.storage.listSnapshotIds(), [source]);
  const made = await t.call('CreateVolume', { AvailabilityZone: ZONE, SnapshotId: second! });
  assert.equal(made.SnapshotId, second);
  await t.settleVolume(made.VolumeId!, 'available');
  await t.call('DeleteSnapshot', { SnapshotId: second! });
  await t.settle('nothing is left', () => t.storage.listSnapshotIds().length === 0);
});

test('A31: a shared snapshot may be used by whom it is shared with, for as long as it is, and nobody else', async () => {
  await using t = await TestCloud.start();
  const id = await makeSnapshot(t);
  const friend = await t.addAccount('friend');
  const stranger = await t.addAccount('stranger');
  const volume = { AvailabilityZone: ZONE, SnapshotId: id };
  const share = (change: object) =>
    t.call('ModifySnapshotAttribute', { SnapshotId: id, CreateVolumePermission: change });
  const isClosedTo = async (who: typeof friend) => {
    for (const work of [
      t.callAs(who, 'CreateVolume', volume),
      t.callAs(who, 'CopySnapshot', { SourceRegion: 'us-east-1', SourceSnapshotId: id }),
      t.callAs(who, 'DescribeSnapshots', { SnapshotIds: [id] }),
    ]) {
      await assert.rejects(work, refused('not-found', 'snapshot'));
    }
    assert.deepEqual((await t.callAs(who, 'DescribeSnapshots', {})).Snapshots, []);
  };
  await isClosedTo(friend);
  await share({ Add: [{ UserId: friend.accountId }] });
  await isClosedTo(stranger);
  const seen = await t.callAs(friend, 'DescribeSnapshots', { RestorableByUserIds: ['self'] });
  assert.deepEqual(
    seen.Snapshots!.map(({ SnapshotId }) => SnapshotId),
    [id],
  );
  await t.callAs(friend, 'CreateVolume', volume);
  await assert.rejects(
    t.callAs(friend, 'DeleteSnapshot', { SnapshotId: id }),
    refused('not-found', 'snapshot'),
  );
  const owners = await t.call('DescribeSnapshotAttribute', {
    SnapshotId: id,
    Attribute: 'createVolumePermission',
  });
  assert.deepEqual(owners.CreateVolumePermissions, [{ UserId: friend.accountId }]);
  await assert.rejects(
    t.callAs(friend, 'ModifySnapshotAttribute', {
      SnapshotId: id,
      CreateVolumePermission: { Add: [{ Group: 'all' }] },
    }),
    refused('not-found', 'snapshot'),
  );
  await share({ Remove: [{ UserId: friend.accountId }] });
  await isClosedTo(friend);
  await share({ Add: [{ Group: 'all' }] });
  const all = await t.callAs(stranger, 'DescribeSnapshots', { RestorableByUserIds: ['all'] });
  assert.equal(all.Snapshots!.length, 1);
  assert.equal(
    (await t.callAs(stranger, 'DescribeSnapshots', { OwnerIds: ['self'] })).Snapshots!.length,
    0,
  );
  await t.call('ResetSnapshotAttribute', { SnapshotId: id, Attribute: 'createVolumePermission' });
  await isClosedTo(friend);
  await isClosedTo(stranger);
  await assert.rejects(
    share({ Add: [{ UserId: '123456789012' }] }),
    refused('invalid-parameter', 'request', 'no such account'),
  );
});

test('a locked snapshot is not deleted before its lock ends or is taken away', async () => {
  const ahead = { ms: 0 };
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + ahead.ms };
  await using t = await TestCloud.start({ clock });
  const id = await makeSnapshot(t);
  const remove = () => t.call('DeleteSnapshot', { SnapshotId: id });
  const lock = (wish: object) => t.call('LockSnapshot', { SnapshotId: id, ...wish } as never);
  await assert.rejects(lock({ LockMode: 'governance' }), refused('missing-parameter', 'request'));
  await assert.rejects(
    lock({ LockMode: 'governance', LockDuration: 1, CoolOffPeriod: 1 }),
    refused('invalid-combination', 'request'),
  );
  const governed = await lock({ LockMode: 'governance', LockDuration: 2 });
  assert.equal(governed.LockState, 'governance');
  assert.equal(
    governed.LockExpiresOn!.getTime() - governed.LockDurationStartTime!.getTime(),
    2 * DAY_MS,
  );
  await assert.rejects(remove(), refused('operation-not-permitted', 'snapshot', 'locked'));
  await t.call('UnlockSnapshot', { SnapshotId: id });
  await assert.rejects(
    t.call('UnlockSnapshot', { SnapshotId: id }),
    refused('incorrect-state', 'snapshot'),
  );
  const cooling = await lock({ LockMode: 'compliance', LockDuration: 3, CoolOffPeriod: 1 });
  assert.equal(cooling.LockState, 'compliance-cooloff');
  await lock({ LockMode: 'compliance', LockDuration: 2, CoolOffPeriod: 1 });
  ahead.ms += 2 * 60 * 60 * 1000;
  const unlock = () => t.call('UnlockSnapshot', { SnapshotId: id });
  await assert.rejects(unlock(), refused('operation-not-permitted', 'snapshot'));
  for (const shorter of [
    { LockMode: 'compliance', LockDuration: 1 },
    { LockMode: 'governance', LockDuration: 9 },
    { LockMode: 'compliance', LockDuration: 9, CoolOffPeriod: 1 },
  ]) {
    await assert.rejects(lock(shorter), refused('operation-not-permitted', 'snapshot'));
  }
  await lock({ LockMode: 'compliance', LockDuration: 4 });
  ahead.ms += 3 * DAY_MS;
  await assert.rejects(remove(), refused('operation-not-permitted', 'snapshot'));
  ahead.ms += DAY_MS;
  const states = await t.call('DescribeLockedSnapshots', {
    Filters: [{ Name: 'lock-state', Values: ['expired'] }],
  });
  assert.deepEqual(
    states.Snapshots!.map(({ SnapshotId }) => SnapshotId),
    [id],
  );
  await remove();
});

test('tiers and attributes are told as they are', async () => {
  await using t = await TestCloud.start();
  const id = await makeSnapshot(t);
  const { SnapshotTierStatuses } = await t.call('DescribeSnapshotTierStatus', {});
  assert.deepEqual(
    SnapshotTierStatuses!.map(({ SnapshotId, StorageTier }) => [SnapshotId, StorageTier]),
    [[id, 'standard']],
  );
  // What cannot be had is refused by its name: these would have to move bytes, or to encrypt them.
  for (const name of ['ModifySnapshotTier', 'RestoreSnapshotTier']) {
    assert.equal(t.cloud.ec2.has(name), false, name);
  }
  const volume = await makeVolume(t);
  const attribute = async () =>
    (await t.call('DescribeVolumeAttribute', { VolumeId: volume, Attribute: 'autoEnableIO' }))
      .AutoEnableIO!.Value;
  assert.equal(await attribute(), false);
  await t.call('ModifyVolumeAttribute', { VolumeId: volume, AutoEnableIO: { Value: true } });
  assert.equal(await attribute(), true);
  await t.call('EnableVolumeIO', { VolumeId: volume });
  assert.equal((await t.call('GetEbsEncryptionByDefault', {})).EbsEncryptionByDefault, false);
  const filters = [
    { Name: 'description', Values: [''] },
    { Name: 'volume-size', Values: ['3'] },
    { Name: 'progress', Values: ['100*'] },
    { Name: 'storage-tier', Values: ['standard'] },
  ];
  const found = await t.call('DescribeSnapshots', { Filters: filters, OwnerIds: ['self'] });
  assert.equal(found.Snapshots!.length, 1);
});
