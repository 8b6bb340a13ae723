import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateBucketCommand,
  CreateMultipartUploadCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutBucketEncryptionCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { errorCode, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'sealed';

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => endpoint[Symbol.asyncDispose]());

function customerKey(key = randomBytes(32)) {
  return {
    SSECustomerAlgorithm: 'AES256',
    SSECustomerKey: key.toString('base64'),
    SSECustomerKeyMD5: createHash('md5').update(key).digest('base64'),
  };
}

async function read(input: object): Promise<Buffer> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, ...input } as never));
  return Buffer.from(await Body!.transformToByteArray());
}

/** Nothing of what was written is on the disk as it was. */
async function assertUnreadable(text: string): Promise<void> {
  const kept = await endpoint.keptBytes();
  assert.ok(kept.length > 0);
  for (const bytes of kept) assert.ok(!bytes.includes(text));
}

test('what is encrypted with the account’s key is noise on the disk, and any range of it can be read', async () => {
  const text = 'a sentence that nobody may find on the disk. ';
  const Body = Buffer.from(text.repeat(60_000));
  for (const ServerSideEncryption of ['AES256', 'aws:kms'] as const) {
    const put = { Bucket, Key: ServerSideEncryption, Body, ServerSideEncryption };
    const answer = await s3.send(new PutObjectCommand(put));
    assert.equal(answer.ServerSideEncryption, ServerSideEncryption);
    const isMd5 = answer.ETag === `"${createHash('md5').update(Body).digest('hex')}"`;
    assert.equal(isMd5, ServerSideEncryption === 'AES256');
    assert.ok((await read({ Key: ServerSideEncryption })).equals(Body));
    for (const [start, end] of [
      [0, 0],
      [15, 17],
      [1_048_570, 1_048_590],
      [2_699_990, 2_699_999],
    ]) {
      const range = await read({ Key: ServerSideEncryption, Range: `bytes=${start}-${end}` });
      assert.ok(range.equals(Body.subarray(start, end! + 1)), `${start}-${end}`);
    }
    await assertUnreadable(text);
  }
});

test('a bucket’s default encrypts what does not ask for anything', async () => {
  const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } };
  const configuration = { Rules: [rule] };
  await s3.send(
    new PutBucketEncryptionCommand({ Bucket, ServerSideEncryptionConfiguration: configuration }),
  );
  await s3.send(
    new PutObjectCommand({ Bucket, Key: 'by default', Body: 'by default it is noise' }),
  );
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'by default' }));
  assert.equal(head.ServerSideEncryption, 'AES256');
  await assertUnreadable('by default it is noise');
  await endpoint.send({ method: 'DELETE', path: `/${Bucket}?encryption` });
});

test('a customer’s key is needed to read, has to be the same, and is kept nowhere', async () => {
  const key = customerKey();
  await s3.send(new PutObjectCommand({ Bucket, Key: 'own', Body: 'own content', ...key }));
  assert.equal((await read({ Key: 'own', ...key })).toString(), 'own content');
  await assert.rejects(read({ Key: 'own' }), { name: 'InvalidRequest' });
  await assert.rejects(read({ Key: 'own', ...customerKey() }), { name: 'InvalidRequest' });
  const name = 'x-amz-server-side-encryption-customer';
  const headers = {
    [`${name}-algorithm`]: 'AES256',
    [`${name}-key`]: key.SSECustomerKey,
    [`${name}-key-md5`]: customerKey().SSECustomerKeyMD5,
  };
  const garbled = await endpoint.send({ path: `/${Bucket}/own`, headers });
  assert.equal(await errorCode(garbled), 'InvalidArgument');
  await s3.send(new PutObjectCommand({ Bucket, Key: 'plain', Body: 'x' }));
  await assert.rejects(read({ Key: 'plain', ...key }), { name: 'InvalidRequest' });
  if (endpoint.isShared) return;
  const state = await readFile(`${endpoint.dataDir}/objects.sqlite-wal`);
  assert.ok(!state.includes(Buffer.from(key.SSECustomerKey, 'base64')));
  assert.ok(!state.includes(key.SSECustomerKey));
});

test('parts are encrypted each for itself, and read as one object across their borders', async () => {
  const key = customerKey();
  const parts = [randomBytes(5 * 1024 ** 2 + 7), randomBytes(1_000)];
  const Key = 'in parts';
  const create = { Bucket, Key, ChecksumAlgorithm: 'CRC32', ...key } as const;
  const begun = await s3.send(new CreateMultipartUploadCommand(create));
  const { UploadId } = begun;
  const done: { PartNumber: number; ETag: string }[] = [];
  for (const [at, Body] of parts.entries()) {
    const part = { Bucket, Key, UploadId, PartNumber: at + 1, Body };
    await assert.rejects(s3.send(new UploadPartCommand(part)), { name: 'InvalidRequest' });
    const { ETag } = await s3.send(new UploadPartCommand({ ...part, ...key }));
    done.push({ PartNumber: at + 1, ETag: ETag! });
  }
  const complete = { Bucket, Key, UploadId, MultipartUpload: { Parts: done } };
  for (const wrong of [{}, customerKey()]) {
    const refused = s3.send(new CompleteMultipartUploadCommand({ ...complete, ...wrong }));
    await assert.rejects(refused, { name: 'InvalidRequest' });
  }
  await s3.send(new CompleteMultipartUploadCommand({ ...complete, ...key }));
  const whole = Buffer.concat(parts);
  assert.ok((await read({ Key, ...key })).equals(whole));
  const border = await read({ Key, ...key, Range: 'bytes=5242880-5242900' });
  assert.ok(border.equals(whole.subarray(5_242_880, 5_242_901)));
});

test('a copy can be encrypted otherwise than its source, or not at all', async () => {
  const key = customerKey();
  const other = customerKey();
  await s3.send(new PutObjectCommand({ Bucket, Key: 'from', Body: 'travels', ...key }));
  const source = {
    CopySource: `${Bucket}/from`,
    CopySourceSSECustomerAlgorithm: 'AES256',
    CopySourceSSECustomerKey: key.SSECustomerKey,
    CopySourceSSECustomerKeyMD5: key.SSECustomerKeyMD5,
  };
  for (const [Key, target] of [
    ['to-other', other],
    ['to-managed', { ServerSideEncryption: 'AES256' as const }],
    ['to-plain', {}],
  ] as const) {
    await s3.send(new CopyObjectCommand({ Bucket, Key, ...source, ...target }));
    const needed = Key === 'to-other' ? other : {};
    assert.equal((await read({ Key, ...needed })).toString(), 'travels', Key);
  }
  const managed = { Bucket, Key: 'shared', CopySource: `${Bucket}/to-managed` };
  await s3.send(new CopyObjectCommand({ ...managed, ServerSideEncryption: 'AES256' }));
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'to-managed' }));
  await endpoint.settled();
  assert.equal((await read({ Key: 'shared' })).toString(), 'travels');
});

test('another key, another method and a context are refused by name', async () => {
  const put = (headers: Record<string, string>) =>
    endpoint.send({ method: 'PUT', path: `/${Bucket}/refused`, body: 'x', headers });
  const sse = 'x-amz-server-side-encryption';
  const cases: [Record<string, string>, string][] = [
    [{ [sse]: 'aws:kms', [`${sse}-aws-kms-key-id`]: 'alias/mine' }, 'KMS.NotFoundException'],
    [{ [sse]: 'aws:kms:dsse' }, 'NotImplemented'],
    [{ [sse]: 'rot13' }, 'InvalidArgument'],
    [{ [sse]: 'aws:kms', [`${sse}-context`]: 'e30=' }, 'NotImplemented'],
    [{ [`${sse}-aws-kms-key-id`]: 'alias/aws/s3' }, 'InvalidArgument'],
    [{ [`${sse}-customer-algorithm`]: 'AES128' }, 'InvalidEncryptionAlgorithmError'],
  ];
  for (const [headers, code] of cases) {
    assert.equal(await errorCode(await put(headers)), code, JSON.stringify(headers));
  }
});

test('the keys outlive a restart', async () => {
  await s3.send(
    new PutObjectCommand({ Bucket, Key: 'kept', Body: 'kept', ServerSideEncryption: 'AES256' }),
  );
  const { dataDir } = endpoint;
  await using again = await startEndpoint({ dataDir });
  const { Body } = await again.client().send(new GetObjectCommand({ Bucket, Key: 'kept' }));
  assert.equal(await Body!.transformToString(), 'kept');
});
