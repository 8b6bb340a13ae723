// Owns the tests of images that others may launch, of copies, and of deprecation.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { describeImage, makeSnapshot, refused, register, settleImage } from './testing/ebs-lab.ts';
import { TestCloud } from './testing/test-cloud.ts';

const DAY_MS = 86_400_000;

function share(t: TestCloud, ImageId: string, Add: object[], Remove: object[] = []) {
  return t.call('ModifyImageAttribute', { ImageId, LaunchPermission: { Add, Remove } });
}

async function seenBy(t: TestCloud, who: Principal, input: object = {}): Promise<string[]> {
  const { Images } = await t.callAs(who, 'DescribeImages', input);
  return Images!.map((image) => image.ImageId!);
}

test('another account launches an image that is shared with it, and its snapshots stay the owner’s', async () => {
  await using t = await TestCloud.start();
  const image = await register(t, await makeSnapshot(t));
  const other = await t.addAccount('other');
  const launch = () =>
    t.callAs(other, 'RunInstances', { ImageId: image, MinCount: 1, MaxCount: 1 });
  await assert.rejects(launch(), refused('not-found', 'image', image));
  assert.deepEqual(await seenBy(t, other), []);
  await share(t, image, [{ UserId: other.accountId }]);
  assert.deepEqual(await seenBy(t, other, { ExecutableUsers: ['self'] }), [image]);
  assert.deepEqual(await seenBy(t, other, { Owners: ['self'] }), []);
  assert.deepEqual((await t.callAs(other, 'DescribeSnapshots', {})).Snapshots, []);
  const { Instances } = await launch();
  const id = Instances![0]!.InstanceId! as `i-${string}`;
  await t.settle('it runs', async () => {
    const { Reservations } = await t.callAs(other, 'DescribeInstances', { InstanceIds: [id] });
    return Reservations![0]!.Instances![0]!.State!.Name === 'running';
  });
  const { SnapshotId } = (await describeImage(t, image)).BlockDeviceMappings![0]!.Ebs!;
  const Ebs = { SnapshotId: SnapshotId! };
  await assert.rejects(
    t.callAs(other, 'RunInstances', {
      ImageId: image,
      MinCount: 1,
      MaxCount: 1,
      BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs }],
    }),
    refused('not-found', 'snapshot'),
  );
  const ofImage = { ImageId: image };
  const deregister = t.callAs(other, 'DeregisterImage', ofImage);
  await assert.rejects(deregister, refused('not-authorized', 'image'));
  const description = { ...ofImage, Description: { Value: 'mine' } };
  const modify = () => t.callAs(other, 'ModifyImageAttribute', description);
  await assert.rejects(modify(), refused('not-authorized', 'image', `image:${image}`));
  await share(t, image, [{ Group: 'all' }], [{ UserId: other.accountId }]);
  assert.deepEqual(await seenBy(t, other, { ExecutableUsers: ['self'] }), []);
  const isPublic = { Filters: [{ Name: 'is-public', Values: ['true'] }] };
  assert.deepEqual(await seenBy(t, other, isPublic), [image]);
  const read = { ImageId: image, Attribute: 'launchPermission' as const };
  const { LaunchPermissions } = await t.call('DescribeImageAttribute', read);
  assert.deepEqual(LaunchPermissions, [{ Group: 'all' }]);
  await t.call('ResetImageAttribute', read);
  await assert.rejects(launch(), refused('not-found', 'image'));
  await assert.rejects(modify(), refused('not-found', 'image'));
});

test('each account has tags of its own on what is shared with it', async () => {
  await using t = await TestCloud.start();
  const snapshot = await makeSnapshot(t);
  const image = await register(t, snapshot);
  const other = await t.addAccount('other');
  const put = (who: Principal, Value: string, Resources = [image, snapshot]) =>
    t.callAs(who, 'CreateTags', { Resources, Tags: [{ Key: 'k', Value }] });
  const ask = { Filters: [{ Name: 'tag:k', Values: ['theirs'] }] };
  await assert.rejects(put(other, 'theirs'), refused('not-found', 'image'));
  await share(t, image, [{ Group: 'all' }]);
  await assert.rejects(put(other, 'theirs'), refused('not-found', 'snapshot'));
  const CreateVolumePermission = { Add: [{ UserId: other.accountId }] };
  await t.call('ModifySnapshotAttribute', { SnapshotId: snapshot, CreateVolumePermission });
  await put((await t.cloud.adminKey()).principal, 'mine');
  await put(other, 'theirs');
  assert.deepEqual((await describeImage(t, image)).Tags, [{ Key: 'k', Value: 'mine' }]);
  assert.deepEqual(await seenBy(t, other, ask), [image]);
  assert.equal((await t.callAs(other, 'DescribeSnapshots', ask)).Snapshots!.length, 1);
  assert.deepEqual((await t.call('DescribeSnapshots', ask)).Snapshots, []);
  const copy = {
    SourceImageId: image,
    SourceRegion: 'us-east-1',
    Name: 'copied',
    CopyImageTags: true,
  };
  const { ImageId } = await t.callAs(other, 'CopyImage', copy);
  assert.deepEqual((await seenBy(t, other, ask)).sort(), [image, ImageId!].sort());
  // Sharing has ended, and what the account put there it may take off; nobody else's goes with it.
  await share(t, image, [], [{ Group: 'all' }]);
  await t.callAs(other, 'DeleteTags', { Resources: [image] });
  await assert.rejects(put(other, 'theirs', [image]), refused('not-found', 'image'));
  assert.deepEqual((await describeImage(t, image)).Tags, [{ Key: 'k', Value: 'mine' }]);
});

test('an image that is shared is not the caller’s to change, in EC2’s words', async () => {
  await using t = await TestCloud.start();
  const ImageId = await register(t, await makeSnapshot(t));
  const modify = (input: object) => t.call('ModifyImageAttribute', { ImageId, ...input });
  await assert.rejects(modify({}), refused('invalid-combination', 'request', 'No attributes'));
  for (const [Attribute, kind, resource] of [
    ['nonsense', 'invalid-combination', 'request'],
    ['launchPermission', 'invalid-combination', 'request'],
    ['description', 'missing-parameter', 'request'],
    ['blockDeviceMapping', 'invalid-parameter', 'image-attribute'],
    ['productCodes', 'unsupported', 'action'],
  ] as const) {
    await assert.rejects(modify({ Attribute }), refused(kind, resource), Attribute);
  }
  const Attribute = 'nonsense' as 'description';
  const describe = t.call('DescribeImageAttribute', { ImageId, Attribute });
  await assert.rejects(describe, refused('unknown-parameter', 'image-attribute'));
});

test('who does not exist gets no permission, and encrypted images are not shared', async () => {
  await using t = await TestCloud.start();
  const image = await register(t, await makeSnapshot(t));
  await assert.rejects(
    share(t, image, [{ UserId: '999999999999' }]),
    refused('invalid-parameter', 'launch-permission', '999999999999'),
  );
  const both = {
    Description: { Value: 'x' },
    LaunchPermission: { Add: [{ Group: 'all' as const }] },
  };
  await assert.rejects(
    t.call('ModifyImageAttribute', { ImageId: image, ...both }),
    refused('invalid-combination', 'request'),
  );
  await t.call('ModifyImageAttribute', { ImageId: image, Attribute: 'description', Value: 'new' });
  assert.equal((await describeImage(t, image)).Description, 'new');
  const { ImageId } = await t.call('CopyImage', {
    SourceImageId: image,
    SourceRegion: 'us-east-1',
    Name: 'sealed',
    Encrypted: true,
  });
  await assert.rejects(
    share(t, ImageId!, [{ Group: 'all' }]),
    refused('operation-not-permitted', 'image', 'encrypted'),
  );
});

test('a copy has snapshots of its own, and its source may go', async () => {
  await using t = await TestCloud.start();
  const image = await register(t, await makeSnapshot(t));
  await t.call('CreateTags', { Resources: [image], Tags: [{ Key: 'k', Value: 'v' }] });
  const wish = { SourceImageId: image, SourceRegion: 'us-east-1', Name: 'copied' };
  const { ImageId } = await t.call('CopyImage', { ...wish, CopyImageTags: true, ClientToken: 't' });
  assert.equal(
    (await t.call('CopyImage', { ...wish, CopyImageTags: true, ClientToken: 't' })).ImageId,
    ImageId,
  );
  await settleImage(t, ImageId!, 'available');
  const [source, copy] = [await describeImage(t, image), await describeImage(t, ImageId!)];
  assert.deepEqual(copy.Tags, source.Tags);
  assert.equal(copy.SourceImageId, image);
  const snapshotOf = (one: typeof copy) => one.BlockDeviceMappings![0]!.Ebs!.SnapshotId!;
  assert.notEqual(snapshotOf(copy), snapshotOf(source));
  await t.call('DeregisterImage', { ImageId: image });
  await t.call('DeleteSnapshot', { SnapshotId: snapshotOf(source) });
  const [id] = await t.launch(ImageId!);
  await t.settleState(id!, 'running');
  await assert.rejects(
    t.call('CopyImage', { ...wish, SourceRegion: 'mars-1' }),
    refused('invalid-parameter', 'request', 'us-east-1'),
  );
});

test('a deprecated image is listed for others only if they ask for it', async () => {
  let offsetMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + offsetMs };
  await using t = await TestCloud.start({ clock });
  const ImageId = await register(t, await makeSnapshot(t));
  await share(t, ImageId, [{ Group: 'all' }]);
  const other = await t.addAccount('other');
  const deprecate = (afterMs: number) =>
    t.call('EnableImageDeprecation', { ImageId, DeprecateAt: new Date(clock.nowMs() + afterMs) });
  await assert.rejects(deprecate(-DAY_MS), refused('invalid-parameter', 'request', 'future'));
  await assert.rejects(
    deprecate(DAY_MS * 3_660),
    refused('invalid-parameter', 'request', '10 years'),
  );
  await deprecate(DAY_MS);
  assert.deepEqual(await seenBy(t, other), [ImageId]);
  offsetMs = 2 * DAY_MS;
  assert.deepEqual(await seenBy(t, other), []);
  assert.deepEqual(await seenBy(t, other, { IncludeDeprecated: true }), [ImageId]);
  assert.deepEqual(await seenBy(t, other, { ImageIds: [ImageId] }), [ImageId]);
  assert.match((await describeImage(t, ImageId)).DeprecationTime!, /:00\.000Z$/);
  await t.call('DisableImageDeprecation', { ImageId });
  assert.deepEqual(await seenBy(t, other), [ImageId]);
});

test('a protected image is not deregistered, and with a cooldown for a day longer', async () => {
  let offsetMs = 0;
  const clock = { ...systemClock, nowMs: () => systemClock.nowMs() + offsetMs };
  await using t = await TestCloud.start({ clock });
  const ImageId = await t.registerImage();
  const deregister = () => t.call('DeregisterImage', { ImageId });
  const isProtected = refused('operation-not-permitted', 'image', 'protected');
  await t.call('EnableImageDeregistrationProtection', { ImageId });
  await assert.rejects(deregister(), isProtected);
  const Attribute = 'deregistrationProtection' as const;
  const read = await t.call('DescribeImageAttribute', { ImageId, Attribute });
  assert.equal(read.DeregistrationProtection!.Value, 'enabled-without-cooldown');
  await t.call('EnableImageDeregistrationProtection', { ImageId, WithCooldown: true });
  await t.call('DisableImageDeregistrationProtection', { ImageId });
  await t.call('EnableImageDeregistrationProtection', { ImageId });
  await t.call('DisableImageDeregistrationProtection', { ImageId });
  await assert.rejects(deregister(), isProtected);
  assert.match((await describeImage(t, ImageId)).DeregistrationProtection!, /^disabled-until 2/);
  offsetMs = DAY_MS;
  assert.equal((await describeImage(t, ImageId)).DeregistrationProtection, 'disabled');
  await deregister();
});

test('an account that blocks public access shares with nobody but those whom it names', async () => {
  await using t = await TestCloud.start();
  const SnapshotId = await makeSnapshot(t);
  const ImageId = await register(t, SnapshotId);
  const [other, friend] = [await t.addAccount('other'), await t.addAccount('friend')];
  const give = (...Add: object[]) =>
    t.call('ModifySnapshotAttribute', { SnapshotId, CreateVolumePermission: { Add } });
  const seen = async (who: Principal) =>
    (await t.callAs(who, 'DescribeSnapshots', {})).Snapshots!.length;
  const make = (who: Principal) =>
    t.callAs(who, 'CreateVolume', { SnapshotId, AvailabilityZone: 'us-east-1a' });
  await give({ Group: 'all' }, { UserId: friend.accountId });
  const block = (State: 'block-all-sharing' | 'block-new-sharing') =>
    t.call('EnableSnapshotBlockPublicAccess', { State });
  await block('block-new-sharing');
  await assert.rejects(give({ Group: 'all' }), refused('operation-not-permitted', 'snapshot'));
  assert.deepEqual([await seen(other), await seen(friend)], [1, 1]);
  await block('block-all-sharing');
  assert.deepEqual([await seen(other), await seen(friend)], [0, 1]);
  await assert.rejects(make(other), refused('not-found', 'snapshot'));
  await make(friend);
  const read = await t.call('GetSnapshotBlockPublicAccessState', {});
  assert.deepEqual(read, { State: 'block-all-sharing', ManagedBy: 'account' });
  await t.call('DisableSnapshotBlockPublicAccess', {});
  await make(other);
  const ImageBlockPublicAccessState = 'block-new-sharing' as const;
  await t.call('EnableImageBlockPublicAccess', { ImageBlockPublicAccessState });
  const everybody = () => share(t, ImageId, [{ Group: 'all' }]);
  await assert.rejects(everybody(), refused('operation-not-permitted', 'image', 'Disable'));
  await share(t, ImageId, [{ UserId: friend.accountId }]);
  const state = await t.call('GetImageBlockPublicAccessState', {});
  assert.equal(state.ImageBlockPublicAccessState, ImageBlockPublicAccessState);
  await t.call('DisableImageBlockPublicAccess', {});
  await everybody();
});
