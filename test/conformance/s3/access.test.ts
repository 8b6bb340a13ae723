import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { ROUTES } from '@ironbark/objects/http/routes.ts';
import { SUB_RESOURCES } from '@ironbark/protocol/s3/sub-resources.ts';
import { presignUrl, signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import {
  errorCode,
  KEYS,
  type RawRequest,
  REGION,
  type S3Endpoint,
  startEndpoint,
} from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket: 'mine' }));
  await s3.send(new PutObjectCommand({ Bucket: 'mine', Key: 'secret', Body: 'the secret' }));
});
after(() => endpoint[Symbol.asyncDispose]());

async function secretIsUntouched(): Promise<void> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'mine', Key: 'secret' }));
  assert.equal(await Body!.transformToString(), 'the secret');
}

/** Every method on every sub-resource of bucket and object, offered or not. */
function everyRequest(): RawRequest[] {
  const methods = ['GET', 'HEAD', 'PUT', 'POST', 'DELETE'];
  const subs = ['', 'list-type=2', ...SUB_RESOURCES];
  return ['/mine', '/mine/secret'].flatMap((path) =>
    subs.flatMap((sub) => methods.map((method) => ({ method, path: `${path}?${sub}` }))),
  );
}

test('A6, A22: nobody but the root of the owning account gets past the door of any operation', async () => {
  const creation = (r: RawRequest) => r.method === 'PUT' && r.path === '/mine?';
  for (const request of everyRequest().filter((candidate) => !creation(candidate))) {
    const name = `${request.method} ${request.path}`;
    for (const key of [KEYS.other, KEYS.user]) {
      const response = await endpoint.send({ ...request, key });
      assert.equal(response.status, 403, name);
      if (request.method !== 'HEAD') assert.equal(await errorCode(response), 'AccessDenied', name);
    }
    const anonymous = await fetch(`${endpoint.url}${request.path}`, { method: request.method! });
    assert.equal(anonymous.status, 403, name);
  }
  await secretIsUntouched();
});

test('another account cannot make a bucket of a taken name, and a user makes none', async () => {
  const taken = await endpoint.send({ method: 'PUT', path: '/mine', key: KEYS.other });
  assert.equal(await errorCode(taken), 'BucketAlreadyExists');
  const user = await endpoint.send({ method: 'PUT', path: '/users-own', key: KEYS.user });
  assert.equal(await errorCode(user), 'AccessDenied');
});

test('what is not offered says so by name, and is never an empty success', async () => {
  const offered = new Set(ROUTES.map((route) => `${route.method} ${route.level} ${route.sub}`));
  const rest = everyRequest().filter(({ method, path }) => {
    const level = path.includes('secret') ? 'object' : 'bucket';
    return !offered.has(`${method} ${level} ${path.split('?')[1]!.replace('=2', '')}`);
  });
  for (const request of rest) {
    const response = await endpoint.send(request);
    const name = `${request.method} ${request.path}`;
    assert.ok(response.status === 501 || response.status === 405, `${name}: ${response.status}`);
    if (request.method === 'HEAD' || response.status === 405) continue;
    const sub = request.path.split('?')[1]!.replace('=2', '');
    const body = await response.text();
    assert.match(body, /<Code>NotImplemented<\/Code>/, name);
    assert.ok(body.includes(`?${sub}`) || sub === '', `${name}: ${body}`);
  }
});

test('every sub-resource of AWS’s own model is known, so that none is taken for the plain operation', async () => {
  const model = '../../../node_modules/@aws-sdk/client-s3/dist-es/schemas/schemas_0.js';
  const text = await readFile(new URL(model, import.meta.url), 'utf8');
  const found = text.matchAll(/"(?:GET|PUT|POST|DELETE|HEAD)", *"[^"?]*\?([\w-]+)/g);
  const names = new Set([...found].map(([, name]) => name!));
  assert.ok(names.size > 30, `${names.size} names`);
  const known = [...SUB_RESOURCES, 'list-type', 'x-id'];
  assert.deepEqual(
    [...names].filter((name) => !known.includes(name)),
    [],
  );
});

const UNSET: readonly [string, string][] = [
  ['policy', 'NoSuchBucketPolicy'],
  ['cors', 'NoSuchCORSConfiguration'],
  ['website', 'NoSuchWebsiteConfiguration'],
  ['lifecycle', 'NoSuchLifecycleConfiguration'],
  ['replication', 'ReplicationConfigurationNotFoundError'],
  ['encryption', 'ServerSideEncryptionConfigurationNotFoundError'],
  ['object-lock', 'ObjectLockConfigurationNotFoundError'],
  ['tagging', 'NoSuchTagSet'],
  ['publicAccessBlock', 'NoSuchPublicAccessBlockConfiguration'],
];

test('a configuration that is not set is answered as AWS answers it', async () => {
  for (const [sub, code] of UNSET) {
    const response = await endpoint.send({ path: `/mine?${sub}` });
    assert.deepEqual([response.status, await errorCode(response)], [404, code], sub);
  }
  const versioning = await (await endpoint.send({ path: '/mine?versioning' })).text();
  assert.match(versioning, /<VersioningConfiguration xmlns="[^"]+"\/>/);
  const acl = await (await endpoint.send({ path: '/mine?acl' })).text();
  assert.match(acl, /<ID>000000000001<\/ID>.*<Permission>FULL_CONTROL<\/Permission>/s);
  const setAcl = await endpoint.send({ method: 'PUT', path: '/mine?acl' });
  assert.equal(await errorCode(setAcl), 'AccessControlListNotSupported');
});

const WRITES: readonly RawRequest[] = [
  { method: 'PUT', path: '/mine/secret' },
  { method: 'PUT', path: '/mine/secret?partNumber=1&uploadId=x' },
  { method: 'POST', path: '/mine/secret?uploadId=x' },
  { method: 'POST', path: '/mine/secret?uploads' },
  { method: 'POST', path: '/mine?delete' },
  { method: 'PUT', path: '/new-bucket' },
  { method: 'DELETE', path: '/mine/secret' },
];
const MODES = [
  undefined,
  'UNSIGNED-PAYLOAD',
  'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
];

test('A17: a wrong secret opens no write, in any payload mode, in header or query', async () => {
  for (const write of WRITES) {
    for (const payloadHash of MODES) {
      const mode = payloadHash === undefined ? {} : { payloadHash };
      const headers = {
        'x-amz-decoded-content-length': '1',
        'x-amz-trailer': 'x-amz-checksum-crc32',
      };
      const response = await endpoint.send({
        ...write,
        ...mode,
        headers,
        secret: 'wrong',
        body: 'x',
      });
      assert.deepEqual(
        [response.status, await errorCode(response)],
        [403, 'SignatureDoesNotMatch'],
      );
      const url = presignUrl({
        method: write.method!,
        url: new URL(`${endpoint.url}${write.path}`),
        service: 's3',
        region: REGION,
        accessKeyId: KEYS.owner.accessKeyId,
        secretAccessKey: 'wrong',
        nowMs: Date.now(),
        expiresSeconds: 60,
      });
      if (payloadHash !== undefined) url.search += `&X-Amz-Content-Sha256=${payloadHash}`;
      const queried = await fetch(url, { method: write.method!, body: 'x' });
      assert.deepEqual([queried.status, await errorCode(queried)], [403, 'SignatureDoesNotMatch']);
    }
  }
  await secretIsUntouched();
});

test('A16: a presigned PUT does not become a copy by a header that nobody signed', async () => {
  const command = new PutObjectCommand({ Bucket: 'mine', Key: 'target' });
  const url = await getSignedUrl(s3, command, { expiresIn: 60 });
  const headers = { 'x-amz-copy-source': '/mine/secret' };
  const response = await fetch(url, { method: 'PUT', headers });
  assert.deepEqual([response.status, await errorCode(response)], [403, 'AccessDenied']);
});

test('presigned URLs put and get, with the checksum of the empty body ignored', async () => {
  const input = { Bucket: 'mine', Key: 'pre/sig ned', Metadata: { hoisted: 'yes' } };
  const put = await getSignedUrl(s3, new PutObjectCommand(input), { expiresIn: 60 });
  assert.equal((await fetch(put, { method: 'PUT', body: 'not empty' })).status, 200);
  const get = await getSignedUrl(
    s3,
    new GetObjectCommand({ ...input, ResponseContentType: 'text/other' }),
    { expiresIn: 60 },
  );
  const response = await fetch(get);
  assert.equal(await response.text(), 'not empty');
  assert.equal(response.headers.get('content-type'), 'text/other');
  assert.equal(response.headers.get('x-amz-meta-hoisted'), 'yes');
  assert.equal((await fetch(get.replace('pre/', 'pro/'))).status, 403);
});

test('A21: a header cannot be injected through a query', async () => {
  const response = await endpoint.send({
    path: '/mine/secret?response-content-type=a%0d%0ax-evil%3a%201',
  });
  assert.equal(await errorCode(response), 'InvalidArgument');
});

test('A18: keys are names: dots, slashes and percent signs cross no bucket and reach no file', async () => {
  await s3.send(new CreateBucketCommand({ Bucket: 'next-door' }));
  const keys = [
    '../mine/secret',
    '..',
    '.',
    '/',
    '//etc/passwd',
    '%2e%2e/x',
    'a/../../b',
    '\\..\\',
    '\u0001',
  ];
  for (const Key of keys) {
    await s3.send(new PutObjectCommand({ Bucket: 'next-door', Key, Body: Key }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'next-door', Key }));
    assert.equal(await Body!.transformToString(), Key, Key);
  }
  await secretIsUntouched();
  for (const path of ['/mine/%00', '/mine/a%00b', '/mine/%ff', `/mine/${'k'.repeat(1_025)}`]) {
    const response = await endpoint.send({ method: 'PUT', path, body: 'x' });
    assert.equal(response.status, 400, path.slice(0, 20));
  }
  assert.equal(
    (await endpoint.send({ method: 'PUT', path: `/mine/${'k'.repeat(1_024)}` })).status,
    200,
  );
});

test('A19: the same rules hold for keys in a body', async () => {
  const body =
    '<Delete><Object><Key>../mine/secret</Key></Object><Object><Key></Key></Object></Delete>';
  const response = await endpoint.send({ method: 'POST', path: '/next-door?delete', body });
  const answer = await response.text();
  assert.match(answer, /<Deleted><Key>\.\.\/mine\/secret<\/Key><\/Deleted>/);
  assert.match(answer, /<Error><Key\/><Code>InvalidURI<\/Code>/);
  await secretIsUntouched();
});

test('a bucket may stand in front of the host', async () => {
  const { port } = new URL(endpoint.url);
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const url = new URL(`http://mine.localhost:${port}/secret`);
  const identity = { service: 's3', region: REGION, accessKeyId, secretAccessKey };
  const signed = { ...identity, method: 'GET', url, headers: {}, body: '', nowMs: Date.now() };
  const headers = { ...signRequest(signed), host: url.host };
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path: '/secret', headers }, resolve).on('error', reject);
  });
  assert.deepEqual([response.statusCode, await text(response)], [200, 'the secret']);
});

test('refusals are not logged as failures, and no secret is in the log', () => {
  const failures = endpoint.log.filter((line) => line.includes('"level":"error"'));
  assert.deepEqual(failures, []);
  for (const { secretAccessKey } of Object.values(KEYS)) {
    assert.ok(!endpoint.log.join('').includes(secretAccessKey));
  }
});
