// Owns the tests of encrypted volumes and snapshots through the actions: what is encrypted, with which key, for whom.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import { TestCloud } from './testing/test-cloud.ts';

const AvailabilityZone = 'us-east-1a';
const ALIAS = 'alias/aws/ebs';
const KEY = /^arn:aws:kms:us-east-1:\d{12}:key\/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

function refused(kind: ErrorKind, resource: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) && error.resource === resource && error.message.includes(part);
}

async function makeVolume(t: TestCloud, wish: object = {}): Promise<string> {
  const { VolumeId } = await t.call('CreateVolume', { AvailabilityZone, Size: 1, ...wish });
  await t.settleVolume(VolumeId!, 'available');
  return VolumeId!;
}

async function settleSnapshot(t: TestCloud, id: string) {
  const find = async () => {
    const { Snapshots } = await t.call('DescribeSnapshots', { SnapshotIds: [id] });
    return Snapshots![0]!;
  };
  await t.settle('a completed snapshot', async () => (await find()).State === 'completed');
  return await find();
}

async function makeSnapshot(t: TestCloud, wish: object = {}): Promise<string> {
  const { SnapshotId } = await t.call('CreateSnapshot', { VolumeId: await makeVolume(t, wish) });
  await settleSnapshot(t, SnapshotId!);
  return SnapshotId!;
}

test('a volume is encrypted when that is asked, with the account’s own key in any of its names', async () => {
  await using t = await TestCloud.start();
  const first = await t.call('CreateVolume', { AvailabilityZone, Size: 1, Encrypted: true });
  const { KmsKeyId: arn = '' } = first;
  assert.match(arn, KEY);
  const names = [ALIAS, arn, arn.split('/')[1]!, arn.replace(/key\/.*/, ALIAS)];
  for (const KmsKeyId of names) {
    const made = { AvailabilityZone, Size: 1, Encrypted: true, KmsKeyId };
    assert.equal((await t.call('CreateVolume', made)).KmsKeyId, arn, KmsKeyId);
  }
  const plain = await t.describeVolume(await makeVolume(t));
  assert.deepEqual([plain.Encrypted, plain.KmsKeyId], [false, undefined]);
  const Filters = [{ Name: 'encrypted', Values: ['true'] }];
  assert.equal((await t.call('DescribeVolumes', { Filters })).Volumes!.length, 5);
});

test('another key, and a key without encryption, are refused', async () => {
  await using t = await TestCloud.start();
  const wish = { AvailabilityZone, Size: 1, Encrypted: true };
  for (const KmsKeyId of ['alias/mine', 'arn:aws:kms:us-east-1:000000000000:alias/aws/ebs', '']) {
    await assert.rejects(
      t.call('CreateVolume', { ...wish, KmsKeyId }),
      refused('incorrect-state', 'encryption-key', 'is in an incorrect state'),
    );
  }
  for (const Encrypted of [false, undefined]) {
    await assert.rejects(
      t.call('CreateVolume', {
        AvailabilityZone,
        Size: 1,
        KmsKeyId: ALIAS,
        ...(Encrypted === undefined ? {} : { Encrypted }),
      }),
      refused('invalid-combination', 'encryption-key', 'requires the parameter Encrypted'),
    );
  }
});

test('encryption by default holds for new volumes, whatever they ask, and for no other account’s', async () => {
  await using t = await TestCloud.start();
  assert.equal((await t.call('GetEbsEncryptionByDefault', {})).EbsEncryptionByDefault, false);
  const before = await makeVolume(t);
  assert.equal((await t.call('EnableEbsEncryptionByDefault', {})).EbsEncryptionByDefault, true);
  assert.equal((await t.call('GetEbsEncryptionByDefault', {})).EbsEncryptionByDefault, true);
  for (const wish of [{}, { Encrypted: false }, { KmsKeyId: ALIAS }]) {
    assert.equal((await t.describeVolume(await makeVolume(t, wish))).Encrypted, true);
  }
  assert.equal((await t.describeVolume(before)).Encrypted, false, 'it stays as it was');
  assert.equal((await t.call('DisableEbsEncryptionByDefault', {})).EbsEncryptionByDefault, false);
  assert.equal((await t.describeVolume(await makeVolume(t))).Encrypted, false);
});

test('an account’s default key is its own, and stays so', async () => {
  await using t = await TestCloud.start();
  assert.equal((await t.call('GetEbsDefaultKmsKeyId', {})).KmsKeyId, ALIAS);
  const { KmsKeyId: arn } = await t.call('ModifyEbsDefaultKmsKeyId', { KmsKeyId: ALIAS });
  assert.match(arn!, KEY);
  assert.equal((await t.call('GetEbsDefaultKmsKeyId', {})).KmsKeyId, arn);
  await assert.rejects(
    t.call('ModifyEbsDefaultKmsKeyId', { KmsKeyId: 'alias/mine' }),
    refused('incorrect-state', 'encryption-key'),
  );
  assert.equal((await t.call('ResetEbsDefaultKmsKeyId', {})).KmsKeyId, ALIAS);
  assert.equal((await t.call('GetEbsDefaultKmsKeyId', {})).KmsKeyId, ALIAS);
});

test('what is made from something encrypted is encrypted', async () => {
  await using t = await TestCloud.start();
  const snapshot = await makeSnapshot(t, { Encrypted: true });
  const { Encrypted, KmsKeyId } = await settleSnapshot(t, snapshot);
  assert.equal(Encrypted, true);
  assert.match(KmsKeyId!, KEY);
  const Filters = [{ Name: 'encrypted', Values: ['true'] }];
  assert.equal((await t.call('DescribeSnapshots', { Filters })).Snapshots!.length, 1);
  const again = await makeVolume(t, { SnapshotId: snapshot, Encrypted: false });
  assert.equal((await t.describeVolume(again)).Encrypted, true);
  const copy = { SourceRegion: 'us-east-1', SourceSnapshotId: snapshot };
  const { SnapshotId } = await t.call('CopySnapshot', copy);
  assert.equal((await settleSnapshot(t, SnapshotId!)).Encrypted, true);
});

test('a copy encrypts what was not, and outlives its source', async () => {
  await using t = await TestCloud.start();
  const SourceSnapshotId = await makeSnapshot(t);
  const wish = { SourceRegion: 'us-east-1', SourceSnapshotId, Encrypted: true };
  const { SnapshotId: copy } = await t.call('CopySnapshot', wish);
  const made = await settleSnapshot(t, copy!);
  assert.deepEqual([made.Encrypted, made.VolumeId], [true, 'vol-ffffffff']);
  await t.call('DeleteSnapshot', { SnapshotId: SourceSnapshotId });
  await t.settle('the source to be gone', async () => {
    return !t.storage.listSnapshotIds().includes(SourceSnapshotId as `snap-${string}`);
  });
  const volume = await makeVolume(t, { SnapshotId: copy });
  assert.equal((await t.describeVolume(volume)).Encrypted, true);
  await t.call('EnableEbsEncryptionByDefault', {});
  const other = { ...wish, SourceSnapshotId: await makeSnapshot(t), Encrypted: false };
  const { SnapshotId: second } = await t.call('CopySnapshot', other);
  assert.equal((await settleSnapshot(t, second!)).Encrypted, true);
});

test('an encrypted snapshot is shared with nobody', async () => {
  await using t = await TestCloud.start();
  const SnapshotId = await makeSnapshot(t, { Encrypted: true });
  const attribute = { SnapshotId, Attribute: 'createVolumePermission' as const };
  for (const whom of [{ GroupNames: ['all'] }, { UserIds: ['123456789012'] }]) {
    await assert.rejects(
      t.call('ModifySnapshotAttribute', { ...attribute, OperationType: 'add', ...whom }),
      refused('operation-not-permitted', 'snapshot', 'Encrypted snapshots'),
    );
  }
  const all = { OperationType: 'remove' as const, GroupNames: ['all'] };
  await t.call('ModifySnapshotAttribute', { ...attribute, ...all });
});
