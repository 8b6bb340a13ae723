import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError, type ServiceError } from '@ironbark/core/errors.ts';
import { sha256Hex } from './canonical.ts';
import { presignUrl, type SignRequestInput, signRequest } from './sign.ts';
import { type VerifyInput, verifyRequest } from './verify.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 3, 4, 5);
const KEY = {
  accessKeyId: 'AKIATESTTESTTESTTEST',
  secretAccessKey: 'a secret/with+signs',
  principal: { accountId: '000000000001', arn: 'arn:x', userId: 'u', isRoot: true },
};
const TEMPORARY = { ...KEY, accessKeyId: 'ASIATESTTESTTESTTEST', sessionToken: 'token/+=' };
const TEMPORARY_ENDS_MS = NOW_MS + 60_000;

type Wire = Pick<VerifyInput, 'method' | 'rawTarget' | 'rawHeaders'>;

function signed(change: Partial<SignRequestInput> & { path?: string } = {}): Wire {
  const url = new URL(`http://cloud.test:8000${change.path ?? '/bucket/key'}`);
  const input: SignRequestInput = {
    method: 'PUT',
    url,
    headers: {},
    body: 'hello',
    service: 's3',
    region: 'local',
    accessKeyId: KEY.accessKeyId,
    secretAccessKey: KEY.secretAccessKey,
    nowMs: NOW_MS,
    ...change,
  };
  const headers = Object.entries(signRequest(input)).flat();
  const rawHeaders = ['Host', url.host, ...headers];
  return { method: input.method, rawTarget: `${url.pathname}${url.search}`, rawHeaders };
}

function presigned(change: { expiresSeconds?: number; nowMs?: number; path?: string } = {}): Wire {
  const url = presignUrl({
    method: 'GET',
    url: new URL(`http://cloud.test:8000${change.path ?? '/bucket/key'}`),
    service: 's3',
    region: 'local',
    accessKeyId: KEY.accessKeyId,
    secretAccessKey: KEY.secretAccessKey,
    nowMs: change.nowMs ?? NOW_MS,
    expiresSeconds: change.expiresSeconds ?? 60,
  });
  const rawHeaders = ['Host', url.host];
  return { method: 'GET', rawTarget: `${url.pathname}${url.search}`, rawHeaders };
}

function verify(wire: Wire, change: Partial<VerifyInput> = {}) {
  return verifyRequest({
    ...wire,
    services: ['s3', 'ec2'],
    region: 'local',
    nowMs: NOW_MS,
    findAccessKey: async (id) =>
      [KEY, { ...TEMPORARY, expiresAtMs: TEMPORARY_ENDS_MS }].find((key) => key.accessKeyId === id),
    ...change,
  });
}

async function refusal(wire: Wire, change: Partial<VerifyInput> = {}): Promise<string> {
  const error = await verify(wire, change).then(
    () => assert.fail('the request was accepted'),
    (thrown: unknown) => thrown,
  );
  assert.ok(isServiceError(error), String(error));
  return `${(error as ServiceError).kind}/${(error as ServiceError).resource}`;
}

test('a signed S3 request gives its principal and the hash that the body must have', async () => {
  const verified = await verify(signed());
  assert.equal(verified.principal, KEY.principal);
  assert.deepEqual(verified.payload, { kind: 'sha256', sha256: sha256Hex('hello') });
});

test('paths with dots, doubled slashes, unicode, plus and percent are verified as sent', async () => {
  const keys = [
    'a//b',
    'x/.%2e/y',
    '%C3%A9/%C3%BC',
    'pl+us',
    'pl%2Bus',
    'q%3Fm%26e%3D1',
    '%2541',
    'a=b~c',
  ];
  for (const key of keys) {
    assert.equal(
      (await verify(signed({ path: `/bucket/${key}?x-id=PutObject` }))).service,
      's3',
      key,
    );
  }
});

test('a presigned URL is accepted with an unsigned payload', async () => {
  const verified = await verify(presigned({ path: '/bucket/key?response-content-type=a%20b' }));
  assert.deepEqual([verified.form, verified.payload.kind], ['query', 'unsigned']);
});

test('another service is verified once its body is hashed', async () => {
  const wire = signed({ service: 'ec2', method: 'POST', path: '/', body: 'Action=X' });
  const { payload } = await verify(wire);
  assert.ok(payload.kind === 'hash-body');
  payload.check(sha256Hex('Action=X'));
  assert.throws(() => payload.check(sha256Hex('Action=Y')), { kind: 'not-authenticated' });
});

test('A17: a wrong secret is refused in every payload mode, in header and query form', async () => {
  const modes = [
    undefined,
    'UNSIGNED-PAYLOAD',
    'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
    'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
  ];
  for (const mode of modes) {
    const payload = mode === undefined ? {} : { payloadHash: mode };
    const wire = signed({ secretAccessKey: 'wrong', ...payload });
    assert.equal(await refusal(wire), 'not-authenticated/signature', mode);
  }
  const wire = presigned();
  assert.equal(
    await refusal({ ...wire, rawTarget: wire.rawTarget.replace('/key', '/other') }),
    'not-authenticated/signature',
  );
});

test('a mismatch echoes what was signed', async () => {
  const error = await verify(signed({ secretAccessKey: 'wrong' })).catch((thrown) => thrown);
  assert.match(
    error.details.StringToSign,
    /^AWS4-HMAC-SHA256\n20260102T030405Z\n20260102\/local\/s3/,
  );
  assert.match(error.details.CanonicalRequest, /^PUT\n\/bucket\/key\n\nhost:cloud.test:8000\n/);
});

test('a changed method, query or header is refused', async () => {
  const wire = signed({ headers: { 'x-amz-meta-a': '1' } });
  const changedHeaders = wire.rawHeaders.map((text) => (text === '1' ? '2' : text));
  assert.equal(await refusal({ ...wire, method: 'DELETE' }), 'not-authenticated/signature');
  assert.equal(
    await refusal({ ...wire, rawTarget: `${wire.rawTarget}?acl` }),
    'not-authenticated/signature',
  );
  assert.equal(
    await refusal({ ...wire, rawHeaders: changedHeaders }),
    'not-authenticated/signature',
  );
});

test('A16: an x-amz header that is not signed is refused, presigned or not', async () => {
  for (const wire of [signed(), presigned()]) {
    const rawHeaders = [...wire.rawHeaders, 'X-Amz-Copy-Source', '/other/secret'];
    assert.equal(await refusal({ ...wire, rawHeaders }), 'not-authorized/signature');
  }
});

test('A17: an unsigned, a doubly signed and a Version 2 request are refused', async () => {
  const bare = { method: 'GET', rawTarget: '/', rawHeaders: ['Host', 'cloud.test'] };
  assert.equal(await refusal(bare), 'not-authenticated/request');
  const both = { ...signed(), rawTarget: presigned().rawTarget };
  assert.equal(await refusal(both), 'invalid-combination/signature');
  const version2 = { ...bare, rawHeaders: ['Host', 'x', 'Authorization', 'AWS key:sig'] };
  assert.equal(await refusal(version2), 'unsupported/signature');
  const version2Query = { ...bare, rawTarget: '/b/k?AWSAccessKeyId=k&Signature=s&Expires=1' };
  assert.equal(await refusal(version2Query), 'unsupported/signature');
});

test('a clock may be fifteen minutes off and no more', async () => {
  const minute = 60_000;
  await verify(signed(), { nowMs: NOW_MS + 15 * minute });
  await verify(signed(), { nowMs: NOW_MS - 15 * minute });
  for (const nowMs of [NOW_MS + 15 * minute + 1, NOW_MS - 15 * minute - 1]) {
    assert.equal(await refusal(signed(), { nowMs }), 'not-authenticated/request-time');
  }
});

test('a presigned URL lives as long as it says, at most seven days', async () => {
  await verify(presigned({ expiresSeconds: 604_800 }), { nowMs: NOW_MS + 604_800_000 });
  const late = { nowMs: NOW_MS + 60_001 };
  assert.equal(await refusal(presigned(), late), 'not-authorized/request-time');
  for (const expiresSeconds of [604_801, 1e9]) {
    assert.equal(await refusal(presigned({ expiresSeconds })), 'malformed-input/signature');
  }
  for (const expiresSeconds of [0, -1_000]) {
    assert.equal(await refusal(presigned({ expiresSeconds })), 'not-authorized/request-time');
  }
});

test('unknown keys, other regions and other services are refused', async () => {
  assert.equal(
    await refusal(signed({ accessKeyId: 'AKIAUNKNOWN' })),
    'not-authenticated/access-key',
  );
  assert.equal(await refusal(signed({ region: 'us-east-1' })), 'malformed-input/signature');
  assert.equal(await refusal(signed({ service: 'iam' })), 'malformed-input/signature');
});

test('a temporary key needs its own token', async () => {
  const temporary = { accessKeyId: TEMPORARY.accessKeyId };
  await verify(signed({ ...temporary, sessionToken: TEMPORARY.sessionToken }));
  assert.equal(await refusal(signed(temporary)), 'not-authenticated/security-token');
  const other = signed({ ...temporary, sessionToken: 'other' });
  assert.equal(await refusal(other), 'not-authenticated/security-token');
  assert.equal(await refusal(signed({ sessionToken: 'x' })), 'not-authenticated/security-token');
});

test('a session token may be added to the headers of a request that is not for S3, and has to be the right one', async () => {
  const unsigned = signed({ service: 'ec2', accessKeyId: TEMPORARY.accessKeyId });
  const withToken = (wire: Wire, token: string) => ({
    ...wire,
    rawHeaders: [...wire.rawHeaders, 'X-Amz-Security-Token', token],
  });
  await verify(withToken(unsigned, TEMPORARY.sessionToken));
  assert.equal(await refusal(withToken(unsigned, 'other')), 'not-authenticated/security-token');
  assert.equal(await refusal(unsigned), 'not-authenticated/security-token');
  const toS3 = signed({ accessKeyId: TEMPORARY.accessKeyId });
  const refused = await refusal(withToken(toS3, TEMPORARY.sessionToken));
  assert.equal(refused, 'not-authorized/signature');
});

test('a temporary key is good until its time, and not at it', async () => {
  const wire = signed({ accessKeyId: TEMPORARY.accessKeyId, sessionToken: TEMPORARY.sessionToken });
  await verify(wire, { nowMs: TEMPORARY_ENDS_MS - 1 });
  assert.equal(await refusal(wire, { nowMs: TEMPORARY_ENDS_MS }), 'not-authorized/security-token');
});

test('S3 needs x-amz-content-sha256, and a value that it knows', async () => {
  const wire = signed({ payloadHash: 'NONSENSE' });
  assert.equal(await refusal(wire), 'invalid-parameter/signature');
  const sigv4a = signed({ payloadHash: 'STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD' });
  assert.equal(await refusal(sigv4a), 'unsupported/action');
});

test('garbage in the authorization is malformed, never a crash', async () => {
  const { rawHeaders, ...wire } = signed();
  const at = rawHeaders.indexOf('authorization') + 1;
  const whole = rawHeaders[at]!;
  for (let end = 17; end < whole.length; end += 7) {
    const cut = rawHeaders.with(at, whole.slice(0, end));
    assert.match(await refusal({ ...wire, rawHeaders: cut }), /^malformed-input|^not-auth/);
  }
});
