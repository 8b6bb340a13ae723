import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetBucketLifecycleConfigurationCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListObjectVersionsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type Clock, systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { errorCode, type S3Endpoint, startEndpoint } from './endpoint.ts';

const DAY_MS = 24 * 3_600_000;

let endpoint: S3Endpoint;
let s3: S3Client;
let ahead = 0;

before(async () => {
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + ahead };
  endpoint = await startEndpoint({ clock });
  s3 = endpoint.client();
});
after(() => endpoint[Symbol.asyncDispose]());

async function makeBucket(Bucket: string, isVersioned: boolean): Promise<void> {
  await s3.send(new CreateBucketCommand({ Bucket }));
  if (!isVersioned) return;
  const VersioningConfiguration = { Status: 'Enabled' as const };
  await s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration }));
}

/** Setting the rules has them looked at, at the time that it is then. */
async function follow(Bucket: string, Rules: object[], days: number): Promise<void> {
  ahead = days * DAY_MS;
  // Signed now: the server's clock is ahead of the client's, but not while it looks at the signature.
  const input = { Bucket, LifecycleConfiguration: { Rules } } as never;
  await setAhead(new PutBucketLifecycleConfigurationCommand(input));
  // An engine's clock is not ahead with ours: what is to be removed there waits.
  if (!endpoint.isShared) await endpoint.settled();
}

async function setAhead(command: PutBucketLifecycleConfigurationCommand): Promise<void> {
  const client = endpoint.client({ systemClockOffset: ahead });
  await client.send(command);
}

async function listVersions(Bucket: string): Promise<string[]> {
  const client = endpoint.client({ systemClockOffset: ahead });
  const page = await client.send(new ListObjectVersionsCommand({ Bucket }));
  return [
    ...(page.Versions ?? []).map((one) => one.Key!),
    ...(page.DeleteMarkers ?? []).map((one) => `marker ${one.Key}`),
  ];
}

async function until(Bucket: string, expected: readonly string[]): Promise<void> {
  const options = { clock: systemClock, timeoutMs: 10_000, what: 'what the rules ask for' };
  await waitFor(async () => String(await listVersions(Bucket)) === String(expected), options);
}

test('the size that transitions begin at is what AWS has by default, and no other', async () => {
  const Bucket = 'smallest';
  await makeBucket(Bucket, false);
  const put = (TransitionDefaultMinimumObjectSize?: 'varies_by_storage_class') =>
    s3.send(
      new PutBucketLifecycleConfigurationCommand({
        ...{ Bucket, TransitionDefaultMinimumObjectSize },
        LifecycleConfiguration: {
          Rules: [{ ID: 'a', Status: 'Enabled', Filter: { Prefix: '' }, Expiration: { Days: 3 } }],
        },
      }),
    );
  const first = await put();
  const shown = await s3.send(new GetBucketLifecycleConfigurationCommand({ Bucket }));
  for (const { TransitionDefaultMinimumObjectSize: size } of [first, shown]) {
    assert.equal(size, 'all_storage_classes_128K');
  }
  await assert.rejects(put('varies_by_storage_class'), { name: 'NotImplemented' });
});

test('what is due expires, by prefix, tag and size; what is not stays', async () => {
  ahead = 0;
  const Bucket = 'expires';
  await makeBucket(Bucket, false);
  for (const [Key, Tagging, Body] of [
    ['logs/old', '', 'x'],
    ['logs/big', '', 'x'.repeat(100)],
    ['kept', '', 'x'],
    ['tagged', 'go=yes', 'x'],
  ] as const) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Tagging, Body }));
  }
  const rules = [
    {
      ID: 'logs',
      Status: 'Enabled',
      Filter: { And: { Prefix: 'logs/', ObjectSizeLessThan: 50 } },
      Expiration: { Days: 1 },
    },
    {
      ID: 'tags',
      Status: 'Enabled',
      Filter: { Tag: { Key: 'go', Value: 'yes' } },
      Expiration: { Days: 1 },
    },
    { ID: 'off', Status: 'Disabled', Filter: { Prefix: '' }, Expiration: { Days: 1 } },
  ];
  await follow(Bucket, rules, 0);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'logs/old' }));
  assert.match(head.Expiration!, /expiry-date="[^"]+ 00:00:00 GMT", rule-id="logs"/);
  assert.equal((await listVersions(Bucket)).length, 4);
  await follow(Bucket, rules, 3);
  await until(Bucket, ['kept', 'logs/big']);
});

test('in a bucket with versions an expiry hides; older versions and spent markers go after', async () => {
  ahead = 0;
  const Bucket = 'layers';
  await makeBucket(Bucket, true);
  for (const Body of ['1', '2', '3'])
    await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'm', Body: 'x' }));
  const only = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'm' }));
  assert.equal(only.DeleteMarker, true);
  const expire = { ID: 'a', Status: 'Enabled', Filter: { Prefix: 'k' }, Expiration: { Days: 1 } };
  await follow(Bucket, [expire], 2);
  await until(Bucket, ['k', 'k', 'k', 'm', 'marker k', 'marker m']);
  const older = {
    ID: 'b',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    NoncurrentVersionExpiration: { NoncurrentDays: 1, NewerNoncurrentVersions: 1 },
  };
  await follow(Bucket, [older], 9);
  await until(Bucket, ['k', 'm', 'marker k', 'marker m']);
  const all = { ...older, NoncurrentVersionExpiration: { NoncurrentDays: 1 } };
  const spent = {
    ID: 'c',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    Expiration: { ExpiredObjectDeleteMarker: true },
  };
  await follow(Bucket, [all, spent], 9);
  await follow(Bucket, [all, spent], 9);
  await until(Bucket, []);
});

test('an upload that nobody completes is aborted', async (t) => {
  if (endpoint.isShared) return t.skip('an engine takes no bytes by a clock that is days ahead');
  ahead = 0;
  const Bucket = 'uploads';
  await makeBucket(Bucket, false);
  await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'k' }));
  const rule = {
    ID: 'a',
    Status: 'Enabled',
    Filter: { Prefix: '' },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
  };
  await follow(Bucket, [rule], 3);
  const client = endpoint.client({ systemClockOffset: ahead });
  const options = { clock: systemClock, timeoutMs: 10_000, what: 'no upload' };
  await waitFor(async () => {
    const { Uploads } = await client.send(new ListMultipartUploadsCommand({ Bucket }));
    return (Uploads ?? []).length === 0;
  }, options);
});

test('rules that nobody would follow are refused', async () => {
  ahead = 0;
  await makeBucket('rules', false);
  const put = async (rule: string) => {
    const body = `<LifecycleConfiguration><Rule><ID>r</ID><Status>Enabled</Status>${rule}</Rule></LifecycleConfiguration>`;
    return await errorCode(await endpoint.send({ method: 'PUT', path: '/rules?lifecycle', body }));
  };
  const filter = '<Filter><Prefix/></Filter>';
  const transition = '<Transition><Days>1</Days><StorageClass>GLACIER</StorageClass></Transition>';
  assert.equal(await put(filter + transition), 'NotImplemented');
  assert.equal(await put(`${filter}<Expiration><Days>0</Days></Expiration>`), 'InvalidArgument');
  assert.equal(await put(filter), 'MalformedXML');
});
