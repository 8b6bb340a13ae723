import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'things';

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => endpoint[Symbol.asyncDispose]());

async function read(Key: string, options: { Range?: string; PartNumber?: number } = {}) {
  const output = await s3.send(new GetObjectCommand({ Bucket, Key, ...options }));
  return { ...output, bytes: Buffer.from(await output.Body!.transformToByteArray()) };
}

test('a bucket is made, listed, found and removed', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'short-lived' }));
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  assert.deepEqual(
    Buckets?.map((bucket) => bucket.Name),
    ['short-lived', Bucket],
  );
  await s3.send(new HeadBucketCommand({ Bucket: 'short-lived' }));
  await assert.rejects(s3.send(new CreateBucketCommand({ Bucket: 'short-lived' })), {
    name: 'BucketAlreadyOwnedByYou',
  });
  await s3.send(new DeleteBucketCommand({ Bucket: 'short-lived' }));
  await assert.rejects(s3.send(new HeadBucketCommand({ Bucket: 'short-lived' })), {
    name: 'NotFound',
  });
});

test("in us-east-1 a bucket of one's own is made again, as on AWS", async () => {
  await using other = await startEndpoint({ region: 'us-east-1' });
  const client = other.client({ region: 'us-east-1' });
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: 'x' }));
  await client.send(new CreateBucketCommand({ Bucket }));
  await client.send(new HeadObjectCommand({ Bucket, Key: 'kept' }));
});

test('a bucket with an object cannot be removed', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'keep', Body: 'x' }));
  await assert.rejects(s3.send(new DeleteBucketCommand({ Bucket })), { name: 'BucketNotEmpty' });
});

test('what was put is given back, with its headers and metadata', async () => {
  const Body = randomBytes(3_000_000);
  const put = await s3.send(
    new PutObjectCommand({
      Bucket,
      Key: 'dir/a b+c%é🙂.bin',
      Body,
      ContentType: 'image/png',
      CacheControl: 'no-cache',
      ContentEncoding: 'gzip',
      Metadata: { colour: 'blue', empty: '' },
    }),
  );
  assert.equal(put.ETag, `"${createHash('md5').update(Body).digest('hex')}"`);
  const got = await read('dir/a b+c%é🙂.bin');
  assert.ok(got.bytes.equals(Body));
  assert.equal(got.ContentType, 'image/png');
  assert.equal(got.CacheControl, 'no-cache');
  assert.equal(got.ContentEncoding, 'gzip');
  assert.equal(got.Metadata?.['colour'], 'blue');
  assert.equal(got.ContentLength, Body.length);
  assert.equal(got.ChecksumCRC32, put.ChecksumCRC32);
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'dir/a b+c%é🙂.bin' }));
  assert.equal(head.ContentLength, Body.length);
  assert.equal(head.ETag, put.ETag);
});

test('a stream of unknown framing comes as aws-chunked and leaves no trace of that', async () => {
  const pieces = Array.from({ length: 40 }, () => randomBytes(50_000));
  const ContentLength = 40 * 50_000;
  const Body = Readable.from(pieces);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'stream', Body, ContentLength }));
  const got = await read('stream');
  assert.ok(got.bytes.equals(Buffer.concat(pieces)));
  assert.equal(got.ContentEncoding, undefined);
  assert.ok(got.ChecksumCRC32);
});

for (const ChecksumAlgorithm of ['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const) {
  test(`a ${ChecksumAlgorithm} is verified, kept and given back, for buffers and streams`, async () => {
    const bytes = randomBytes(200_000);
    const bodies = [bytes, Readable.from([bytes])];
    for (const Body of bodies) {
      const input = { Bucket, Key: 'sum', Body, ContentLength: bytes.length, ChecksumAlgorithm };
      const put = await s3.send(new PutObjectCommand(input));
      const head = await s3.send(
        new HeadObjectCommand({ Bucket, Key: 'sum', ChecksumMode: 'ENABLED' }),
      );
      assert.ok(put[`Checksum${ChecksumAlgorithm}`]);
      assert.equal(head[`Checksum${ChecksumAlgorithm}`], put[`Checksum${ChecksumAlgorithm}`]);
      assert.ok((await read('sum')).bytes.equals(bytes));
    }
  });
}

test('an empty object is an object', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'empty', Body: '' }));
  const got = await read('empty');
  assert.equal(got.bytes.length, 0);
  assert.equal(got.ETag, '"d41d8cd98f00b204e9800998ecf8427e"');
});

test('ranges give exactly their bytes, across blocks too', async () => {
  const Body = randomBytes(2_500_000);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'ranged', Body }));
  const cases: [string, number, number][] = [
    ['bytes=0-0', 0, 1],
    ['bytes=1048570-1048580', 1_048_570, 1_048_581],
    ['bytes=-10', 2_499_990, 2_500_000],
    ['bytes=2499999-', 2_499_999, 2_500_000],
    ['bytes=5-99999999', 5, 2_500_000],
  ];
  for (const [Range, start, end] of cases) {
    const got = await read('ranged', { Range });
    assert.ok(got.bytes.equals(Body.subarray(start, end)), Range);
    assert.equal(got.ContentRange, `bytes ${start}-${end - 1}/2500000`);
    assert.equal(got.$metadata.httpStatusCode, 206);
  }
  await assert.rejects(read('ranged', { Range: 'bytes=2500000-' }), { name: 'InvalidRange' });
  assert.equal((await read('ranged', { Range: 'lines=1-2' })).bytes.length, 2_500_000);
});

test('conditions on reading', async () => {
  const { ETag } = await s3.send(new PutObjectCommand({ Bucket, Key: 'cond', Body: '1' }));
  const get = (conditions: object) =>
    s3.send(new HeadObjectCommand({ Bucket, Key: 'cond', ...conditions }));
  await get({ IfMatch: ETag });
  await get({ IfNoneMatch: '"other"' });
  const early = new Date('2001-01-01');
  const late = new Date(Date.now() + 60_000);
  await get({ IfModifiedSince: early, IfUnmodifiedSince: late });
  for (const failing of [{ IfMatch: '"other"' }, { IfUnmodifiedSince: early }]) {
    await assert.rejects(get(failing), (error: { $metadata: object }) => {
      assert.equal((error.$metadata as { httpStatusCode: number }).httpStatusCode, 412);
      return true;
    });
  }
  for (const same of [{ IfNoneMatch: ETag }, { IfModifiedSince: late }]) {
    await assert.rejects(get(same), (error: { $metadata: object }) => {
      assert.equal((error.$metadata as { httpStatusCode: number }).httpStatusCode, 304);
      return true;
    });
  }
});

test('conditions on writing: of many creators one wins', async () => {
  const put = (conditions: object, Body = 'x') =>
    s3.send(new PutObjectCommand({ Bucket, Key: 'once', Body, ...conditions }));
  const tries = await Promise.allSettled(
    Array.from({ length: 8 }, (_, i) => put({ IfNoneMatch: '*' }, `writer ${i}`)),
  );
  assert.equal(tries.filter((result) => result.status === 'fulfilled').length, 1);
  const { ETag } = await s3.send(new HeadObjectCommand({ Bucket, Key: 'once' }));
  await assert.rejects(put({ IfMatch: '"other"' }), { name: 'PreconditionFailed' });
  await put({ IfMatch: ETag }, 'next');
  await assert.rejects(put({ IfMatch: ETag }), { name: 'PreconditionFailed' });
  assert.equal((await read('once')).bytes.toString(), 'next');
});

test('deleting is repeatable, alone and in batches', async () => {
  const Keys = ['del/1', 'del/../2', 'del/<&>"\' 3'];
  for (const Key of Keys) await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'del/1' }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'del/1' }));
  const Objects = [...Keys, 'del/never'].map((Key) => ({ Key }));
  const { Deleted, Errors } = await s3.send(
    new DeleteObjectsCommand({ Bucket, Delete: { Objects } }),
  );
  assert.deepEqual(
    Deleted?.map((entry) => entry.Key),
    [...Keys, 'del/never'],
  );
  assert.equal(Errors, undefined);
  for (const Key of Keys) await assert.rejects(read(Key), { name: 'NoSuchKey' });
});

test('a copy has the bytes of its source and lives on without it', async () => {
  const Body = randomBytes(1_500_000);
  const Metadata = { kept: 'yes' };
  await s3.send(new PutObjectCommand({ Bucket, Key: 'src é', Body, Metadata }));
  const CopySource = `${Bucket}/${encodeURIComponent('src é')}`;
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'dst', CopySource }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'src é' }));
  await endpoint.settled();
  const got = await read('dst');
  assert.ok(got.bytes.equals(Body));
  assert.equal(got.Metadata?.['kept'], 'yes');
  await assert.rejects(
    s3.send(new CopyObjectCommand({ Bucket, Key: 'dst', CopySource: `${Bucket}/dst` })),
    { name: 'InvalidRequest' },
  );
  await s3.send(
    new CopyObjectCommand({
      Bucket,
      Key: 'dst',
      CopySource: `${Bucket}/dst`,
      MetadataDirective: 'REPLACE',
      Metadata: { new: 'one' },
    }),
  );
  await endpoint.settled();
  const replaced = await read('dst');
  assert.deepEqual(replaced.Metadata, { new: 'one' });
  assert.ok(replaced.bytes.equals(Body));
});

test('an object that is overwritten while it is read is read to its end', async () => {
  const Body = randomBytes(8_000_000);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'moving', Body }));
  const { Body: stream } = await s3.send(new GetObjectCommand({ Bucket, Key: 'moving' }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'moving', Body: 'new' }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'moving' }));
  assert.ok(Buffer.from(await stream!.transformToByteArray()).equals(Body));
  await assert.rejects(read('moving'), { name: 'NoSuchKey' });
});
