import assert from 'node:assert/strict';
import { request } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListPartsCommand,
  PutBucketLifecycleConfigurationCommand,
  PutObjectCommand,
  type S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { errorCode, KEYS, REGION, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'headers';
const Elsewhere = '/elsewhere';

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await endpoint.send({ method: 'PUT', path: `/${Bucket}` });
});
after(() => endpoint[Symbol.asyncDispose]());

test('where an object is redirected to is not copied with it, and may be said of the copy', async () => {
  const source = { Bucket, Key: 'source', WebsiteRedirectLocation: Elsewhere };
  await s3.send(new PutObjectCommand({ ...source, Metadata: { a: 'b' } }));
  const redirectOf = async (Key: string) => {
    const found = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    assert.deepEqual(found.Metadata, { a: 'b' });
    return found.WebsiteRedirectLocation;
  };
  const CopySource = `${Bucket}/source`;
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'plain', CopySource }));
  assert.equal(await redirectOf('plain'), undefined);
  const own = { WebsiteRedirectLocation: '/there' };
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'own', CopySource, ...own }));
  assert.equal(await redirectOf('own'), '/there');
  // A change of it is a reason to copy an object to itself.
  await s3.send(new CopyObjectCommand({ Bucket, Key: 'source', CopySource, ...own }));
  assert.equal(await redirectOf('source'), '/there');
});

test('a part and a range of an object are not asked for together', async () => {
  await s3.send(new PutObjectCommand({ Bucket, Key: 'ranged', Body: '0123456789' }));
  const both = { Bucket, Key: 'ranged', PartNumber: 1, Range: 'bytes=0-3' };
  await assert.rejects(s3.send(new GetObjectCommand(both)), { name: 'InvalidRequest' });
});

test('who begins an upload is told when a rule will abort it', async () => {
  const rule = (ID: string, Prefix: string, DaysAfterInitiation: number) => ({
    ...{ ID, Status: 'Enabled' as const, Filter: { Prefix } },
    AbortIncompleteMultipartUpload: { DaysAfterInitiation },
  });
  const Rules = [rule('late', '', 9), rule('soon', 'soon/', 2), rule('other', 'other/', 1)];
  const LifecycleConfiguration = { Rules };
  const put = { Bucket, LifecycleConfiguration };
  await s3.send(new PutBucketLifecycleConfigurationCommand(put));
  const upload = { Bucket, Key: 'soon/upload' };
  const begun = await s3.send(new CreateMultipartUploadCommand(upload));
  const { UploadId } = begun;
  const listed = await s3.send(new ListPartsCommand({ ...upload, UploadId }));
  for (const { AbortDate, AbortRuleId } of [begun, listed]) {
    assert.equal(AbortRuleId, 'soon');
    const days = (AbortDate!.getTime() - Date.now()) / 86_400_000;
    assert.ok(days > 2 && days <= 3, `${days} days`);
  }
});

test('where a completed upload is said to be is where it can be had, with the bucket in the host’s name too', async () => {
  const Key = 'a folder/of upload';
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key }));
  const part = { Bucket, Key, UploadId, PartNumber: 1, Body: 'whole' };
  const { ETag } = await s3.send(new UploadPartCommand(part));
  const { port } = new URL(endpoint.url);
  const at = `http://${Bucket}.localhost:${port}/a%20folder/of%20upload`;
  const url = new URL(`${at}?uploadId=${UploadId}`);
  const body = `<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>${ETag}</ETag></Part></CompleteMultipartUpload>`;
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const signed = signRequest({
    ...{ method: 'POST', url, headers: {}, body, service: 's3', region: REGION },
    ...{ accessKeyId, secretAccessKey, nowMs: Date.now() },
  });
  const answer = await new Promise<string>((resolve, reject) => {
    const path = `${url.pathname}${url.search}`;
    const options = { host: '127.0.0.1', port, path, method: 'POST' };
    const outgoing = request({ ...options, headers: { ...signed, host: url.host } });
    outgoing.once('error', reject);
    outgoing.once('response', (response) => text(response).then(resolve, reject));
    outgoing.end(body);
  });
  assert.equal(/<Location>(.*?)<\/Location>/.exec(answer)?.[1], at, answer);
});

test('refusals have the codes of AWS: storage classes, origins, delete markers as sources', async () => {
  const codeOf = async (...[input]: Parameters<S3Endpoint['send']>) =>
    await errorCode(await endpoint.send(input));
  const storing = (name: string) => ({
    ...{ method: 'PUT', path: `/${Bucket}/class`, body: 'x' },
    headers: { 'x-amz-storage-class': name },
  });
  assert.equal(await codeOf(storing('NO_SUCH')), 'InvalidStorageClass');
  assert.equal(await codeOf(storing('GLACIER')), 'NotImplemented');
  const headers = { origin: 'http://page', 'access-control-request-method': 'GET' };
  const preflight = { method: 'OPTIONS', path: `/${Bucket}/class`, headers, key: null };
  assert.equal(await codeOf(preflight), 'AccessForbidden');
  const versions = '/marked';
  await endpoint.send({ method: 'PUT', path: versions });
  const body = '<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>';
  await endpoint.send({ method: 'PUT', path: `${versions}?versioning`, body });
  const gone = await endpoint.send({ method: 'DELETE', path: `${versions}/gone` });
  const source = `${versions}/gone?versionId=${gone.headers.get('x-amz-version-id')}`;
  const copying = { 'x-amz-copy-source': source };
  const copy = { method: 'PUT', path: `/${Bucket}/copy`, headers: copying };
  assert.equal(await codeOf(copy), 'InvalidRequest');
  const { UploadId } = await s3.send(new CreateMultipartUploadCommand({ Bucket, Key: 'copy' }));
  const path = `/${Bucket}/copy?uploadId=${UploadId}&partNumber=1`;
  assert.equal(await codeOf({ ...copy, path }), 'InvalidRequest');
});
