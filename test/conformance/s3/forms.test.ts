import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, test } from 'node:test';
import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { hmacHex, signingKey } from '@ironbark/protocol/sigv4/signing-key.ts';
import { errorCode, KEYS, REGION, type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'forms';

before(async () => {
  endpoint = await startEndpoint({ allowsSignatureV2: true });
  s3 = endpoint.client();
  await endpoint.send({ method: 'PUT', path: `/${Bucket}` });
});
after(() => endpoint[Symbol.asyncDispose]());

const SIGNED = ['x-amz-algorithm', 'x-amz-credential', 'x-amz-date'];

/** A condition that lets every value of a field through. */
function any(name: string): unknown {
  return ['starts-with', `$${name}`, ''];
}

interface Form {
  fields?: Record<string, string>;
  conditions?: readonly unknown[];
  expiresInMs?: number;
  file?: string;
  key?: typeof KEYS.owner;
  secret?: string;
}

/** A policy that has foreseen every field of the form, signed with Signature Version 4. */
function signForm(form: Form): Record<string, string> {
  const { fields = {}, key = KEYS.owner, secret = key.secretAccessKey } = form;
  const { expiresInMs = 60_000 } = form;
  const stamp = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const date = stamp.slice(0, 8);
  const signed: Record<string, string> = {
    ...fields,
    'x-amz-algorithm': 'AWS4-HMAC-SHA256',
    'x-amz-credential': `${key.accessKeyId}/${date}/${REGION}/s3/aws4_request`,
    'x-amz-date': stamp,
  };
  const own = Object.entries(signed).map(([name, value]) => ({ [name]: value }));
  const conditions = form.conditions ?? [{ bucket: Bucket }, ...own];
  const expiration = new Date(Date.now() + expiresInMs).toISOString();
  const policy = Buffer.from(JSON.stringify({ expiration, conditions })).toString('base64');
  const scope = { date, region: REGION, service: 's3' };
  const signature = hmacHex(signingKey(key.accessKeyId, secret, scope), policy);
  return { ...signed, policy, 'x-amz-signature': signature };
}

async function post(fields: Record<string, string>, file = 'content'): Promise<Response> {
  const body = new FormData();
  for (const [name, value] of Object.entries(fields)) body.append(name, value);
  body.append('file', new Blob([file], { type: 'text/x-file' }), 'its-name.txt');
  return await fetch(`${endpoint.url}/${Bucket}`, { method: 'POST', body, redirect: 'manual' });
}

async function read(Key: string): Promise<string> {
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
  return await Body!.transformToString();
}

test('a form with a signed policy makes the object that it describes', async () => {
  const fields = {
    key: 'up/${filename}',
    'x-amz-meta-from': 'a browser',
    'Content-Type': 'text/x-a',
  };
  // The policy is held against the name that comes of it.
  const rest = ['x-amz-meta-from', 'Content-Type', ...SIGNED].map((name) => any(name));
  const conditions = [{ bucket: Bucket }, ['starts-with', '$key', 'up/its'], ...rest];
  const answer = await post(signForm({ fields, conditions }), 'from a form');
  assert.equal(answer.status, 204, await answer.text());
  assert.equal(await read('up/its-name.txt'), 'from a form');
  const head = await s3.send(new HeadObjectCommand({ Bucket, Key: 'up/its-name.txt' }));
  assert.deepEqual([head.ContentType, head.Metadata], ['text/x-a', { from: 'a browser' }]);
});

test('the answer is the one that the form asks for', async () => {
  const created = await post(signForm({ fields: { key: 'a', success_action_status: '201' } }));
  assert.equal(created.status, 201);
  assert.match(await created.text(), /<PostResponse>.*<Key>a<\/Key>/s);
  const to = 'https://example.com/done?a=1';
  const moved = await post(signForm({ fields: { key: 'b', success_action_redirect: to } }));
  assert.equal(moved.status, 303);
  assert.match(
    moved.headers.get('location')!,
    /^https:\/\/example\.com\/done\?a=1&bucket=forms&key=b&etag=%22/,
  );
});

test('Signature Version 2 signs forms too, where it is allowed', async () => {
  const document = {
    expiration: new Date(Date.now() + 60_000).toISOString(),
    conditions: [{ bucket: Bucket }, ['starts-with', '$key', 'v2']],
  };
  const policy = Buffer.from(JSON.stringify(document)).toString('base64');
  const { accessKeyId: AWSAccessKeyId, secretAccessKey } = KEYS.owner;
  const signature = createHmac('sha1', secretAccessKey).update(policy).digest('base64');
  const answer = await post({ key: 'v2', AWSAccessKeyId, policy, signature });
  assert.equal(answer.status, 204, await answer.text());
  const wrong = await post({ key: 'v2', AWSAccessKeyId, policy, signature: 'AAAA' });
  assert.equal(await errorCode(wrong), 'SignatureDoesNotMatch');
});

test('nothing is stored for a form that its policy does not let through', async () => {
  const key = 'never';
  const refused: [Form, string][] = [
    [{ secret: 'wrong' }, 'SignatureDoesNotMatch'],
    [{ expiresInMs: -1_000 }, 'AccessDenied'],
    [{ conditions: [{ bucket: Bucket }] }, 'AccessDenied'],
    [{ conditions: [{ bucket: 'other' }, ['starts-with', '$key', '']] }, 'AccessDenied'],
    [{ conditions: [['content-length-range', 1, 'x']] }, 'InvalidPolicyDocument'],
    [{ key: KEYS.user }, 'AccessDenied'],
    [{ key: KEYS.other }, 'AccessDenied'],
  ];
  for (const [form, code] of refused) {
    const answer = await post(signForm({ ...form, fields: { key } }));
    assert.equal(await errorCode(answer), code, JSON.stringify(form.conditions ?? code));
  }
  const unsigned = await post({ key });
  assert.deepEqual([unsigned.status, await errorCode(unsigned)], [403, 'AccessDenied']);
  await assert.rejects(read(key), { name: 'NoSuchKey' });
});

test('the range of lengths in a policy is kept', async () => {
  const conditions = [
    { bucket: Bucket },
    ...['key', ...SIGNED].map((name) => any(name)),
    ['content-length-range', 3, 5],
  ];
  const fields = { key: 'sized' };
  const send = (file: string) => post(signForm({ fields, conditions }), file);
  assert.equal(await errorCode(await send('123456')), 'EntityTooLarge');
  assert.equal(await errorCode(await send('12')), 'EntityTooSmall');
  assert.equal((await send('1234')).status, 204);
});

test('forms that are none are refused, and end', async () => {
  const headers = { 'content-type': 'multipart/form-data; boundary=b' };
  const bodies: [string, string][] = [
    ['', 'MalformedPOSTRequest'],
    ['--b\r\n', 'MalformedPOSTRequest'],
    ['--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n', 'MalformedPOSTRequest'],
    [
      '--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nx\r\n--b--\r\n',
      'MalformedPOSTRequest',
    ],
    [`--b\r\nContent-Disposition: form-data; name="${'k'.repeat(20_000)}`, 'MalformedPOSTRequest'],
  ];
  for (const [body, code] of bodies) {
    const answer = await fetch(`${endpoint.url}/${Bucket}`, { method: 'POST', headers, body });
    assert.equal(await errorCode(answer), code, body.slice(0, 80));
  }
});

test('a field that the policy has not foreseen is refused, also behind the name of the bucket', async () => {
  const conditions = [any('key'), ...SIGNED.map(any)];
  const signed = signForm({ fields: { key: 'unforeseen' }, conditions });
  assert.equal((await post({ bucket: Bucket, ...signed })).status, 204);
  const more = { bucket: Bucket, 'x-amz-meta-more': 'unforeseen', ...signed };
  const refused = await post(more);
  assert.deepEqual([refused.status, await errorCode(refused)], [403, 'AccessDenied']);
});
