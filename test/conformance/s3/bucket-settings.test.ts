import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectTaggingCommand,
  GetBucketCorsCommand,
  GetBucketTaggingCommand,
  GetObjectAttributesCommand,
  GetObjectTaggingCommand,
  PutBucketCorsCommand,
  PutBucketTaggingCommand,
  PutObjectCommand,
  PutObjectTaggingCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { errorCode, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'settings';

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => endpoint[Symbol.asyncDispose]());

test('tags of a bucket are set, shown and taken away', async () => {
  const TagSet = [{ Key: 'team', Value: 'bären' }];
  await s3.send(new PutBucketTaggingCommand({ Bucket, Tagging: { TagSet } }));
  assert.deepEqual((await s3.send(new GetBucketTaggingCommand({ Bucket }))).TagSet, TagSet);
  await endpoint.send({ method: 'DELETE', path: `/${Bucket}?tagging` });
  const gone = await endpoint.send({ path: `/${Bucket}?tagging` });
  assert.equal(await errorCode(gone), 'NoSuchTagSet');
});

async function tagsOf(Key: string): Promise<string[]> {
  const { TagSet } = await s3.send(new GetObjectTaggingCommand({ Bucket, Key }));
  return (TagSet ?? []).map((tag) => `${tag.Key}=${tag.Value}`);
}

test('tags of an object come with it, are changed beside it, and go along with copies', async () => {
  const Key = 'tagged';
  await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'x', Tagging: 'a=1&b=%C3%BC+%2B' }));
  assert.deepEqual(await tagsOf(Key), ['a=1', 'b=ü +']);
  const CopySource = `${Bucket}/${Key}`;
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'copied', CopySource }));
  assert.deepEqual(await tagsOf('copied'), ['a=1', 'b=ü +']);
  const replaced = { TaggingDirective: 'REPLACE' as const, Tagging: 'c=3' };
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'retagged', CopySource, ...replaced }));
  assert.deepEqual(await tagsOf('retagged'), ['c=3']);
  const Tagging = { TagSet: [{ Key: 'n', Value: '' }] };
  await s3.send(new PutObjectTaggingCommand({ Bucket, Key, Tagging }));
  assert.deepEqual(await tagsOf(Key), ['n=']);
  await s3.send(new DeleteObjectTaggingCommand({ Bucket, Key }));
  assert.deepEqual(await tagsOf(Key), []);
});

test('too many tags, doubled ones and those of AWS are refused', async () => {
  const put = async (tagging: string) => {
    const headers = { 'x-amz-tagging': tagging };
    return await errorCode(
      await endpoint.send({ method: 'PUT', path: `/${Bucket}/t`, body: 'x', headers }),
    );
  };
  const eleven = Array.from({ length: 11 }, (_, n) => `k${n}=v`).join('&');
  for (const wrong of [eleven, 'a=1&a=2', 'aws:x=1', `${'k'.repeat(129)}=v`, 'a=%00']) {
    assert.equal(await put(wrong), 'InvalidTag', wrong);
  }
});

test('browsers are told of origins by the first rule that fits, and of nothing by none', async () => {
  const rule = {
    AllowedOrigins: ['https://*.example.com'],
    AllowedMethods: ['GET', 'PUT'],
    AllowedHeaders: ['x-amz-*'],
    ExposeHeaders: ['etag'],
    MaxAgeSeconds: 60,
  };
  const CORSConfiguration = { CORSRules: [rule] };
  await s3.send(new PutBucketCorsCommand({ Bucket, CORSConfiguration }));
  assert.deepEqual((await s3.send(new GetBucketCorsCommand({ Bucket }))).CORSRules, [rule]);
  const ask = (headers: Record<string, string>) =>
    fetch(`${endpoint.url}/${Bucket}/k`, { method: 'OPTIONS', headers });
  const origin = 'https://app.example.com';
  const good = await ask({
    origin,
    'access-control-request-method': 'PUT',
    'access-control-request-headers': 'X-Amz-Date',
  });
  assert.equal(good.status, 200);
  assert.equal(good.headers.get('access-control-allow-origin'), origin);
  assert.equal(good.headers.get('access-control-max-age'), '60');
  for (const other of [
    { origin: 'https://example.org', 'access-control-request-method': 'PUT' },
    { origin, 'access-control-request-method': 'DELETE' },
    {
      origin,
      'access-control-request-method': 'PUT',
      'access-control-request-headers': 'authorization',
    },
  ]) {
    assert.equal((await ask(other)).status, 403, JSON.stringify(other));
  }
  assert.equal((await ask({ origin })).status, 400);
  const denied = await fetch(`${endpoint.url}/${Bucket}/k`, { headers: { origin } });
  assert.equal(denied.status, 403);
  assert.equal(denied.headers.get('access-control-allow-origin'), origin);
  assert.equal(denied.headers.get('access-control-expose-headers'), 'etag');
});

test('the attributes of an object are those that are asked for, part by part', async () => {
  const Key = 'parts';
  const upload = { Bucket, Key, ChecksumAlgorithm: 'SHA256' as const };
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand(upload));
  const Parts: { PartNumber: number; ETag: string; ChecksumSHA256: string }[] = [];
  for (const [at, size] of [5 * 1024 ** 2, 10].entries()) {
    const part = { ...upload, UploadId, PartNumber: at + 1, Body: Buffer.alloc(size, at) };
    const { ETag, ChecksumSHA256 } = await s3.send(new UploadPartCommand(part));
    Parts.push({ PartNumber: at + 1, ETag: ETag!, ChecksumSHA256: ChecksumSHA256! });
  }
  await s3.send(
    new CompleteMultipartUploadCommand({ Bucket, Key, UploadId, MultipartUpload: { Parts } }),
  );
  const ask = (more: object) =>
    s3.send(
      new GetObjectAttributesCommand({
        ...{ Bucket, Key },
        ObjectAttributes: ['ETag', 'Checksum', 'ObjectParts', 'ObjectSize'],
        ...more,
      }),
    );
  const all = await ask({});
  assert.equal(all.ObjectSize, 5 * 1024 ** 2 + 10);
  assert.equal(all.ObjectParts?.TotalPartsCount, 2);
  assert.deepEqual(
    all.ObjectParts?.Parts?.map((part) => part.ChecksumSHA256),
    Parts.map((part) => part.ChecksumSHA256),
  );
  const second = await ask({ PartNumberMarker: '1', MaxParts: 1 });
  assert.deepEqual(
    second.ObjectParts?.Parts?.map((part) => [part.PartNumber, part.Size]),
    [[2, 10]],
  );
  const size = await ask({ ObjectAttributes: ['ObjectSize'] });
  assert.deepEqual([size.ETag, size.ObjectParts], [undefined, undefined]);
});

test('what nobody can set is refused by its name, and shown as not set', async () => {
  for (const sub of ['replication', 'notification', 'accelerate', 'requestPayment']) {
    const response = await endpoint.send({
      method: 'PUT',
      path: `/${Bucket}?${sub}`,
      body: '<a/>',
    });
    const text = await response.text();
    assert.match(text, /<Code>NotImplemented<\/Code>/, sub);
    assert.ok(text.includes(`?${sub}`), text);
  }
});
