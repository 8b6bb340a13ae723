import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CopyObjectCommand,
  CreateBucketCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutBucketVersioningCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { errorCode, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'versions';

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
});
after(() => endpoint[Symbol.asyncDispose]());

function turn(Status: 'Enabled' | 'Suspended') {
  return s3.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } }));
}

async function put(Key: string, Body: string): Promise<string | undefined> {
  return (await s3.send(new PutObjectCommand({ Bucket, Key, Body }))).VersionId;
}

async function read(Key: string, VersionId?: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key, VersionId }));
  return await Body!.transformToString();
}

async function list(Prefix: string): Promise<string[]> {
  const page = await s3.send(new ListObjectVersionsCommand({ Bucket, Prefix }));
  const rows = [...(page.Versions ?? []), ...(page.DeleteMarkers ?? [])];
  return rows.map(({ VersionId, IsLatest }) => `${VersionId}${IsLatest ? ' latest' : ''}`);
}

test('what was written before versioning is the version null, and stays beneath what comes', async () => {
  assert.equal(await put('old', 'first'), undefined);
  await turn('Enabled');
  const second = await put('old', 'second');
  assert.match(second!, /^[0-9a-f]{32}$/);
  assert.equal(await read('old'), 'second');
  assert.equal(await read('old', 'null'), 'first');
  assert.deepEqual(await list('old'), [`${second} latest`, 'null']);
});

test('a deletion without a version hides the object, and taking the marker away shows it again', async () => {
  await turn('Enabled');
  const version = await put('hidden', 'content');
  const gone = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'hidden' }));
  assert.equal(gone.DeleteMarker, true);
  const plain = await endpoint.send({ path: `/${Bucket}/hidden` });
  assert.equal(plain.headers.get('x-amz-delete-marker'), 'true');
  assert.equal(plain.headers.get('x-amz-version-id'), gone.VersionId);
  assert.deepEqual([plain.status, await errorCode(plain)], [404, 'NoSuchKey']);
  const marker = await endpoint.send({ path: `/${Bucket}/hidden?versionId=${gone.VersionId}` });
  assert.deepEqual([marker.status, await errorCode(marker)], [405, 'MethodNotAllowed']);
  assert.equal(await read('hidden', version), 'content');
  const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'hidden' }));
  assert.equal(listed.KeyCount, 0);
  const taken = new DeleteObjectCommand({ Bucket, Key: 'hidden', VersionId: gone.VersionId });
  assert.equal((await s3.send(taken)).DeleteMarker, true);
  assert.equal(await read('hidden'), 'content');
});

test('a suspended bucket has one version null that is replaced, and keeps the others', async () => {
  await turn('Enabled');
  const kept = await put('paused', 'kept');
  await turn('Suspended');
  for (const body of ['one', 'two']) await put('paused', body);
  assert.deepEqual(await list('paused'), ['null latest', `${kept}`]);
  const gone = await s3.send(new DeleteObjectCommand({ Bucket, Key: 'paused' }));
  assert.equal(gone.VersionId, 'null');
  assert.deepEqual((await list('paused')).toSorted(), [`${kept}`, 'null latest'].toSorted());
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'paused', VersionId: 'null' }));
  assert.equal(await read('paused'), 'kept');
  await turn('Enabled');
});

test('versions are listed in pages of any size, each once, and removed by name in one request', async () => {
  await turn('Enabled');
  const written: string[] = [];
  for (const key of ['page/a', 'page/b', 'page/b', 'page/b', 'page/c']) {
    written.push((await put(key, key))!);
  }
  const found: { Key: string; VersionId: string }[] = [];
  let markers: { KeyMarker?: string; VersionIdMarker?: string } = {};
  for (let isLast = false; !isLast; ) {
    const input = { Bucket, Prefix: 'page/', MaxKeys: 2, ...markers };
    const page = await s3.send(new ListObjectVersionsCommand(input));
    for (const { Key, VersionId } of page.Versions ?? []) {
      found.push({ Key: Key!, VersionId: VersionId! });
    }
    markers = {
      ...(page.NextKeyMarker === undefined ? {} : { KeyMarker: page.NextKeyMarker }),
      ...(page.NextVersionIdMarker === undefined
        ? {}
        : { VersionIdMarker: page.NextVersionIdMarker }),
    };
    isLast = page.IsTruncated !== true;
  }
  assert.deepEqual(found.map((one) => one.VersionId).toSorted(), written.toSorted());
  assert.deepEqual(
    found.map((one) => one.Key),
    ['page/a', 'page/b', 'page/b', 'page/b', 'page/c'],
  );
  const removed = await s3.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects: found } }));
  assert.equal(removed.Deleted?.length, found.length);
  assert.deepEqual(await list('page/'), []);
});

test('a copy of an older version becomes the newest, and shares its bytes until both are gone', async () => {
  await turn('Enabled');
  const first = await put('again', 'first');
  await put('again', 'second');
  const CopySource = `${Bucket}/again?versionId=${first}`;
  const copy = await s3.send(new CopyObjectCommand({ Bucket, Key: 'again', CopySource }));
  assert.equal(copy.CopySourceVersionId, first);
  await s3.send(new DeleteObjectCommand({ Bucket, Key: 'again', VersionId: first }));
  await endpoint.settled();
  assert.equal(await read('again'), 'first');
});

test('a version that never was is not found, and one that cannot be is refused', async () => {
  const never = await endpoint.send({ path: `/${Bucket}/old?versionId=${'0'.repeat(32)}` });
  assert.equal(await errorCode(never), 'NoSuchVersion');
  const wrong = await endpoint.send({ path: `/${Bucket}/old?versionId=wrong` });
  assert.equal(await errorCode(wrong), 'InvalidArgument');
  const head = new HeadObjectCommand({ Bucket, Key: 'old', VersionId: 'null' });
  assert.equal((await s3.send(head)).VersionId, 'null');
});

test('MFA delete is refused by name, and a bucket with versions is not empty', async () => {
  const body =
    '<VersioningConfiguration><Status>Enabled</Status><MfaDelete>Enabled</MfaDelete></VersioningConfiguration>';
  const refused = await endpoint.send({ method: 'PUT', path: `/${Bucket}?versioning`, body });
  assert.deepEqual([refused.status, await errorCode(refused)], [501, 'NotImplemented']);
  const full = await endpoint.send({ method: 'DELETE', path: `/${Bucket}` });
  assert.equal(await errorCode(full), 'BucketNotEmpty');
});
