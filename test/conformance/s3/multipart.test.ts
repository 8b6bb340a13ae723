import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { after, before, test } from 'node:test';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListMultipartUploadsCommand,
  ListPartsCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
  UploadPartCopyCommand,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'parts';
const MIN_PART = 5 * 1024 * 1024;

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => endpoint[Symbol.asyncDispose]());

async function start(Key: string, options: object = {}): Promise<string> {
  const created = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key, ...options }));
  return created.UploadId!;
}

async function send(Key: string, UploadId: string, PartNumber: number, Body: Uint8Array) {
  return await s3.send(new UploadPartCommand({ Bucket, Key, UploadId, PartNumber, Body }));
}

async function complete(Key: string, UploadId: string, Parts: object[]) {
  const MultipartUpload = { Parts };
  const input = { Bucket, Key, UploadId, MultipartUpload };
  return await s3.send(new CompleteMultipartUploadCommand(input));
}

async function read(Key: string, options: object = {}): Promise<Buffer> {
  const got = await s3.send(new GetObjectCommand({ Bucket, Key, ...options }));
  return Buffer.from(await got.Body!.transformToByteArray());
}

function md5(bytes: Uint8Array): Buffer {
  return createHash('md5').update(bytes).digest();
}

test('parts sent in any order make one object, whose entity tag is that of their MD5s', async () => {
  const UploadId = await start('whole', { ContentType: 'text/x-parts', Metadata: { a: 'b' } });
  const pieces = [randomBytes(MIN_PART), randomBytes(MIN_PART + 1), randomBytes(10)];
  const order = [2, 0, 1];
  const tags = new Map<number, string>();
  for (const i of order) {
    tags.set(i, (await send('whole', UploadId, i * 7 + 1, pieces[i]!)).ETag!);
  }
  const parts = [0, 1, 2].map((i) => ({ PartNumber: i * 7 + 1, ETag: tags.get(i) }));
  const done = await complete('whole', UploadId, parts);
  const expected = md5(Buffer.concat(pieces.map(md5))).toString('hex');
  assert.equal(done.ETag, `"${expected}-3"`);
  assert.ok((await read('whole')).equals(Buffer.concat(pieces)));
  const range = `bytes=${MIN_PART - 3}-${2 * MIN_PART + 4}`;
  const wanted = Buffer.concat(pieces).subarray(MIN_PART - 3, 2 * MIN_PART + 5);
  assert.ok((await read('whole', { Range: range })).equals(wanted));
  assert.ok((await read('whole', { PartNumber: 2 })).equals(pieces[1]!));
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'whole', PartNumber: 3 }));
  assert.deepEqual(
    [head.PartsCount, head.ContentLength, head.ContentType],
    [3, 10, 'text/x-parts'],
  );
  // Once more, after an answer that was lost.
  assert.equal((await complete('whole', UploadId, parts)).ETag, done.ETag);
  await assert.rejects(send('whole', UploadId, 1, pieces[2]!), { name: 'NoSuchUpload' });
});

for (const [ChecksumAlgorithm, ChecksumType] of [
  ['CRC32', 'COMPOSITE'],
  ['CRC32', 'FULL_OBJECT'],
  ['CRC32C', 'FULL_OBJECT'],
  ['CRC64NVME', 'FULL_OBJECT'],
  ['SHA256', 'COMPOSITE'],
] as const) {
  test(`the ${ChecksumType} ${ChecksumAlgorithm} of parts is kept`, async () => {
    const name = `Checksum${ChecksumAlgorithm}` as const;
    const UploadId = await start('summed', { ChecksumAlgorithm, ChecksumType });
    const pieces = [randomBytes(MIN_PART), randomBytes(1_000)];
    const Parts = [];
    for (const [i, Body] of pieces.entries()) {
      const input = { Bucket, Key: 'summed', UploadId, PartNumber: i + 1, Body };
      const sent = await s3.send(new UploadPartCommand({ ...input, ChecksumAlgorithm }));
      assert.ok(sent[name]);
      Parts.push({ PartNumber: i + 1, ETag: sent.ETag, [name]: sent[name] });
    }
    const done = await complete('summed', UploadId, Parts);
    if (ChecksumType === 'COMPOSITE') {
      assert.match(done[name]!, /-2$/);
    } else {
      const Body = Buffer.concat(pieces);
      const put = new PutObjectCommand({ Bucket, Key: 'at-once', Body, ChecksumAlgorithm });
      assert.equal(done[name], (await s3.send(put))[name]);
    }
    assert.ok((await read('summed')).equals(Buffer.concat(pieces)));
  });
}

test('lib-storage uploads a stream of unknown length', async () => {
  const pieces = Array.from({ length: 130 }, () => randomBytes(100_000));
  const params = { Bucket, Key: 'streamed', Body: Readable.from(pieces) };
  await new Upload({ client: s3, params, partSize: MIN_PART, queueSize: 2 }).done();
  assert.ok((await read('streamed')).equals(Buffer.concat(pieces)));
});

test('a completion has to name stored parts, in order, of the least size', async () => {
  const UploadId = await start('strict');
  const small = await send('strict', UploadId, 1, Buffer.from('small'));
  const last = await send('strict', UploadId, 2, Buffer.from('last'));
  const one = { PartNumber: 1, ETag: small.ETag };
  const two = { PartNumber: 2, ETag: last.ETag };
  const cases: [string, object[]][] = [
    ['EntityTooSmall', [one, two]],
    ['InvalidPartOrder', [two, one]],
    ['InvalidPartOrder', [one, one]],
    ['InvalidPart', [{ ...one, ETag: two.ETag }]],
    ['InvalidPart', [{ PartNumber: 3, ETag: two.ETag }]],
    ['MalformedXML', []],
  ];
  for (const [name, parts] of cases) {
    await assert.rejects(complete('strict', UploadId, parts), { name });
  }
  await assert.rejects(read('strict'), { name: 'NoSuchKey' });
  for (const number of [0, 10_001]) {
    await assert.rejects(send('strict', UploadId, number, Buffer.from('x')), {
      name: 'InvalidArgument',
    });
  }
  await complete('strict', UploadId, [two]);
  assert.equal((await read('strict')).toString(), 'last');
});

test('an abort, a replaced part and a removed bucket leave no blob', async () => {
  await endpoint.settled();
  const before = await endpoint.blobIds();
  const files = (await endpoint.blobFiles()).sort();
  const UploadId = await start('gone');
  for (const body of ['first', 'large'.repeat(40_000), 'second']) {
    await send('gone', UploadId, 1, Buffer.from(body));
  }
  const { Parts } = await s3.send(new ListPartsCommand({ Bucket, Key: 'gone', UploadId }));
  assert.deepEqual(
    Parts?.map((part) => [part.PartNumber, part.Size]),
    [[1, 6]],
  );
  await s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'gone', UploadId }));
  await assert.rejects(send('gone', UploadId, 2, Buffer.from('late')), { name: 'NoSuchUpload' });
  await assert.rejects(
    s3.send(new AbortMultipartUploadCommand({ Bucket, Key: 'gone', UploadId })),
    { name: 'NoSuchUpload' },
  );
  await s3.send(new CreateBucketCommand({ Bucket: 'going' }));
  const created = await s3.send(new CreateMultipartUploadCommand({ Bucket: 'going', Key: 'k' }));
  const part = { Bucket: 'going', Key: 'k', UploadId: created.UploadId, PartNumber: 1 };
  await s3.send(new UploadPartCommand({ ...part, Body: 'x' }));
  await s3.send(new DeleteBucketCommand({ Bucket: 'going' }));
  await endpoint.settled();
  assert.deepEqual(await endpoint.blobIds(), before);
  assert.deepEqual((await endpoint.blobFiles()).sort(), files);
});

test('uploads under way are listed in pages', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'pages' }));
  const keys = ['a/1', 'a/2', 'b', 'b', 'c'];
  const ids = new Set<string>();
  for (const Key of keys) {
    const created = await s3.send(new CreateMultipartUploadCommand({ Bucket: 'pages', Key }));
    ids.add(created.UploadId!);
  }
  const seen: string[] = [];
  let markers = {};
  for (;;) {
    const page = await s3.send(
      new ListMultipartUploadsCommand({ Bucket: 'pages', MaxUploads: 2, ...markers }),
    );
    seen.push(...(page.Uploads ?? []).map((upload) => upload.UploadId!));
    if (!page.IsTruncated) break;
    markers = { KeyMarker: page.NextKeyMarker, UploadIdMarker: page.NextUploadIdMarker };
  }
  assert.deepEqual([seen.length, new Set(seen)], [5, ids]);
  const grouped = await s3.send(
    new ListMultipartUploadsCommand({ Bucket: 'pages', Delimiter: '/' }),
  );
  assert.deepEqual(grouped.CommonPrefixes, [{ Prefix: 'a/' }]);
  assert.equal(grouped.Uploads?.length, 3);
});

test('a part may be copied from an object, or from a range of it', async () => {
  const Body = randomBytes(MIN_PART + 1_000);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'source', Body }));
  const UploadId = await start('copied');
  const base = { Bucket, Key: 'copied', UploadId, CopySource: `${Bucket}/source` };
  const first = await s3.send(new UploadPartCopyCommand({ ...base, PartNumber: 1 }));
  const CopySourceRange = 'bytes=10-19';
  const second = await s3.send(
    new UploadPartCopyCommand({ ...base, PartNumber: 2, CopySourceRange }),
  );
  await assert.rejects(
    s3.send(
      new UploadPartCopyCommand({ ...base, PartNumber: 3, CopySourceRange: 'bytes=5-99999999' }),
    ),
    { name: 'InvalidArgument' },
  );
  await complete('copied', UploadId, [
    { PartNumber: 1, ETag: first.CopyPartResult?.ETag },
    { PartNumber: 2, ETag: second.CopyPartResult?.ETag },
  ]);
  assert.ok((await read('copied')).equals(Buffer.concat([Body, Body.subarray(10, 20)])));
});
