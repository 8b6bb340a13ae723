import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  PutObjectLegalHoldCommand,
  PutObjectLockConfigurationCommand,
  PutObjectRetentionCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { errorCode, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'locked';
const HOUR_MS = 3_600_000;

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket, ObjectLockEnabledForBucket: true }));
  await s3.send(new CreateBucketCommand({ Bucket: 'free' }));
});
after(() => endpoint[Symbol.asyncDispose]());

async function put(Key: string, more: object = {}): Promise<string> {
  return (await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', ...more }))).VersionId!;
}

function remove(Key: string, VersionId: string, BypassGovernanceRetention?: boolean) {
  return s3.send(new DeleteObjectCommand({ Bucket, Key, VersionId, BypassGovernanceRetention }));
}

const inHours = (hours: number) => new Date(Date.now() + hours * HOUR_MS);

test('a version under governance goes only for who may override it and says so', async () => {
  const lock = { ObjectLockMode: 'GOVERNANCE', ObjectLockRetainUntilDate: inHours(1) };
  const VersionId = await put('governed', lock);
  await assert.rejects(remove('governed', VersionId), { name: 'AccessDenied' });
  const hidden = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'governed' }));
  assert.equal(hidden.DeleteMarker, true);
  await remove('governed', VersionId, true);
});

test('a version under compliance goes for nobody, and its time is only ever made longer', async () => {
  const lock = { ObjectLockMode: 'COMPLIANCE', ObjectLockRetainUntilDate: inHours(2) };
  const VersionId = await put('complied', lock);
  await assert.rejects(remove('complied', VersionId, true), { name: 'AccessDenied' });
  const retain = (Mode: 'COMPLIANCE' | 'GOVERNANCE', hours: number) =>
    s3.send(
      new PutObjectRetentionCommand({
        ...{ Bucket, Key: 'complied', VersionId, BypassGovernanceRetention: true },
        Retention: { Mode, RetainUntilDate: inHours(hours) },
      }),
    );
  await assert.rejects(retain('COMPLIANCE', 1), { name: 'AccessDenied' });
  await assert.rejects(retain('GOVERNANCE', 3), { name: 'AccessDenied' });
  await retain('COMPLIANCE', 3);
});

test('a legal hold keeps a version until it is taken away', async () => {
  const VersionId = await put('held', { ObjectLockLegalHoldStatus: 'ON' });
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'held' }));
  assert.equal(head.ObjectLockLegalHoldStatus, 'ON');
  await assert.rejects(remove('held', VersionId, true), { name: 'AccessDenied' });
  const LegalHold = { Status: 'OFF' as const };
  await s3.send(new PutObjectLegalHoldCommand({ Bucket, Key: 'held', VersionId, LegalHold }));
  await remove('held', VersionId);
});

test('the bucket’s rule locks what comes without a lock', async () => {
  await s3.send(
    new PutObjectLockConfigurationCommand({
      Bucket,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Mode: 'GOVERNANCE', Days: 2 } },
      },
    }),
  );
  const VersionId = await put('by rule');
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'by rule' }));
  assert.equal(head.ObjectLockMode, 'GOVERNANCE');
  const hours = (head.ObjectLockRetainUntilDate!.getTime() - Date.now()) / HOUR_MS;
  assert.ok(hours > 47 && hours < 48.1, `${hours} hours`);
  await assert.rejects(remove('by rule', VersionId), { name: 'AccessDenied' });
});

test('locks need a bucket that has them, and versioning then stays on', async () => {
  const lock = {
    'x-amz-object-lock-mode': 'GOVERNANCE',
    'x-amz-object-lock-retain-until-date': inHours(1).toISOString(),
  };
  const plain = await endpoint.send({ method: 'PUT', path: '/free/k', body: 'x', headers: lock });
  assert.equal(await errorCode(plain), 'InvalidRequest');
  const body = '<VersioningConfiguration><Status>Suspended</Status></VersioningConfiguration>';
  const off = await endpoint.send({ method: 'PUT', path: `/${Bucket}?versioning`, body });
  assert.deepEqual([off.status, await errorCode(off)], [409, 'InvalidBucketState']);
  const past = { ...lock, 'x-amz-object-lock-retain-until-date': inHours(-1).toISOString() };
  const late = await endpoint.send({
    method: 'PUT',
    path: `/${Bucket}/k`,
    body: 'x',
    headers: past,
  });
  assert.equal(await errorCode(late), 'InvalidArgument');
});
