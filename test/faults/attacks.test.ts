// The rows of the attack list that concern who may do what, each by its name.

import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { IssuedKey } from '@ironbark/cloud/app/accounts.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { presignUrl, signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { readSourceFiles } from '../../tools/source-files.ts';
import { DEVICE } from '../support/account-resources.ts';
import { type Answer, type Caller, callEc2, callSts, send } from '../support/signed-call.ts';
import { StoreWatch } from '../support/store-content.ts';
import { startTwoAccounts, type TwoAccounts } from '../support/two-accounts.ts';

let world: TwoAccounts;
let watch: StoreWatch;

before(async () => {
  world = await startTwoAccounts();
  watch = new StoreWatch(world.dataDir);
});
after(async () => {
  watch?.[Symbol.dispose]();
  await world?.[Symbol.asyncDispose]();
});

function owner(): Caller {
  return world.owner.caller;
}

function nobody(): Caller {
  return { ...owner(), key: undefined };
}

function s3(caller: Caller, method: string, target: string, headers = {}): Promise<Answer> {
  return send(caller, { service: 's3', method, target, headers });
}

const INTERNAL_VERBS = [
  'status credentials halt diskStats addAccount addUser addKey listKeys setKeyStatus removeKey',
  'putIntent getReport putVolume export unexport RunInstance AttachVolume describeNodes',
  'services/Cloud services/Walrus services/Storage internal admin',
]
  .join(' ')
  .split(' ');

test('A2: internal messages are no requests on the public port, signed or not, whoever they say it is', async () => {
  const claim = { account: 'main', user: 'root', name: 'attacker', EffectiveUserId: 'root' };
  const headers = { 'content-type': 'application/json', 'x-ironbark-account': 'main' };
  for (const caller of [nobody(), world.user, owner()]) {
    for (const verb of INTERNAL_VERBS) {
      const call = { method: 'POST', target: `/${verb}`, headers, body: JSON.stringify(claim) };
      const answer = await send(caller, { service: 'ec2', ...call });
      assert.ok(answer.status >= 400 && answer.status < 500, `${verb}: ${answer.status}`);
    }
  }
  const body = 'Action=DescribeInstances&Version=2016-11-15&EffectiveUserId=root';
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  const call = { service: 'ec2', method: 'POST', target: '/', headers: form, body } as const;
  assert.equal((await send(nobody(), call)).code, 'MissingAuthenticationToken');
  assert.equal((await send(world.user, call)).code, 'UnauthorizedOperation');
  assert.deepEqual(watch.changes(), []);
  assert.equal((await world.cloud.json<{ keys: unknown[] }>('key', 'list')).keys.length, 3);
});

test('A4: the socket of the administrator is its owner’s alone, and knows its own calls only', async () => {
  const socketPath = join(world.dataDir, 'run/admin.sock');
  assert.equal(statSync(socketPath).mode & 0o777, 0o600);
  for (const [method, path] of [
    ['GET', '/status'],
    ['POST', '/'],
    ['POST', '/__proto__'],
    ['POST', '/constructor'],
  ] as const) {
    const status = await new Promise((resolve, reject) => {
      const outgoing = request({ socketPath, method, path }, (response) =>
        resolve(response.statusCode),
      );
      outgoing.on('error', reject).end();
    });
    assert.equal(status, 404, `${method} ${path}`);
  }
});

/** AWS's own documentation has them; others have shipped them. */
const EXAMPLE_KEYS = [
  ['AKIAIOSFODNN7EXAMPLE', 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY'],
  ['minioadmin', 'minioadmin'],
  ['rustfsadmin', 'rustfsadmin'],
  ['test', 'test'],
  ['admin', 'admin'],
] as const;

test('A10: no default secret opens this cloud, and every key has a secret of its own', async () => {
  for (const [accessKeyId, secretAccessKey] of EXAMPLE_KEYS) {
    const answer = await callSts({ ...owner(), key: { accessKeyId, secretAccessKey } }, WHO);
    assert.equal(answer.code, 'InvalidClientTokenId', accessKeyId);
  }
  const secrets = [world.owner, world.other, world.user].map(({ key }) => key.secretAccessKey);
  assert.equal(new Set(secrets).size, 3);
  for (const secret of secrets) assert.match(secret, /^[A-Za-z0-9+/]{40}$/);
});

const WHO = 'GetCallerIdentity';

test('A10: no secret is written in the program, and no password in an image', () => {
  const product = readSourceFiles().filter(
    ({ path }) => path.startsWith('packages/') && !/\.test\.ts$|\/testing\//.test(path),
  );
  assert.ok(product.length > 200);
  const secret = /AKIA[A-Z0-9]{16}|(?:secretAccessKey|password|secret)\s*[:=]\s*['"][^'"]+['"]/i;
  for (const { path, text } of product) assert.doesNotMatch(text, secret, path);
  const shadow = readFileSync(
    join(import.meta.dirname, '../../packages/images/micro/guest/etc/shadow'),
    'utf8',
  );
  for (const line of shadow.trim().split('\n')) assert.match(line, /^[a-z]+:[*!]/);
});

const CURIOUS = [
  '/env /.env /debug /debug/pprof /debug/vars /metrics /health /status /server-status /config',
  '/minio/health/cluster /minio/bootstrap/v1/verify /_localstack/health /_localstack/diagnose',
  '/actuator/env /latest/meta-data/ /latest/user-data /console /swagger.json /favicon.ico',
  '/../../etc/passwd /%2e%2e/%2e%2e/proc/self/environ /?Action=DescribeInstances /?debug=1',
]
  .join(' ')
  .split(' ');

test('A14: no path of the public port tells a stranger anything of the host', async () => {
  const told = [process.env['PATH']!, process.env['HOME']!, world.dataDir, 'root:', 'node_modules'];
  for (const path of CURIOUS) {
    for (const method of ['GET', 'POST', 'OPTIONS', 'TRACE']) {
      const { status, body } = await rawRequest(method, path);
      assert.ok(status >= 400 && status < 500, `${method} ${path}: ${status}`);
      for (const one of told) assert.ok(!body.includes(one), `${method} ${path} tells ${one}`);
    }
  }
});

/** As it stands: fetch would tidy the path, and sends no TRACE. */
function rawRequest(
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }> {
  const { hostname, port } = new URL(owner().endpoint);
  return new Promise((resolve, reject) => {
    const outgoing = request({ hostname, port, method, path, headers }, (response) => {
      const status = response.statusCode!;
      text(response).then((body) => resolve({ status, body, headers: response.headers }), reject);
    });
    outgoing.on('error', reject).end();
  });
}

/** Headers that would make another request of a signed one. */
const TURNING_HEADERS = {
  'x-amz-copy-source': () => `/${world.owner.bucket}/${world.owner.object}`,
  'x-amz-copy-source-range': () => 'bytes=0-1',
  'x-amz-metadata-directive': () => 'REPLACE',
  'x-amz-acl': () => 'public-read',
  'x-amz-grant-full-control': () => `id=${world.other.key.accessKeyId}`,
  'x-amz-meta-a': () => 'b',
  'x-amz-tagging': () => 'a=b',
  'x-amz-security-token': () => 'token',
  'x-amz-website-redirect-location': () => 'http://x/',
  'x-amz-object-lock-mode': () => 'GOVERNANCE',
  'x-amz-bypass-governance-retention': () => 'true',
  'x-amz-decoded-content-length': () => '1',
};

test('A16: a header that nobody signed turns no signed request into another one', async () => {
  const { key, region, endpoint } = { ...owner(), key: world.owner.key };
  const identity = { service: 's3', region, ...key };
  for (const [name, value] of Object.entries(TURNING_HEADERS)) {
    const url = new URL(`${endpoint}/${world.owner.bucket}/new`);
    const signing = { ...identity, method: 'PUT', url, nowMs: systemClock.nowMs() };
    const presigned = presignUrl({ ...signing, expiresSeconds: 60 });
    const inQuery = await fetch(presigned, { method: 'PUT', headers: { [name]: value() } });
    assert.equal(inQuery.status, 403, `${name} beside a presigned URL`);
    const signed = signRequest({ ...signing, headers: {}, body: '' });
    const inHeader = await fetch(url, { method: 'PUT', headers: { ...signed, [name]: value() } });
    assert.equal(inHeader.status, 403, `${name} beside a signed header`);
  }
  assert.deepEqual(watch.changes(), []);
});

const INJECTED = ['a\r\nset-cookie: evil=1', 'a\nx-evil: 1', 'a\rx-evil: 1', 'a\0b', 'a\u2028b'];

test('A21: nothing that a client gives becomes a header of its own', async () => {
  const { bucket, object } = world.owner;
  const check = (answer: Answer, what: string) => {
    assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
    assert.equal(answer.headers.get('set-cookie'), null, what);
    assert.equal(answer.headers.get('x-evil'), null, what);
  };
  for (const value of INJECTED.map(encodeURIComponent)) {
    for (const name of ['content-type', 'content-disposition', 'cache-control', 'expires']) {
      const target = `/${bucket}/${object}?response-${name}=${value}`;
      check(await s3(owner(), 'GET', target), target);
    }
    // Presigned, names of headers may stand in the query.
    const target = `/${bucket}/injected?x-amz-meta-a=${value}`;
    const put = { service: 's3', method: 'PUT', target, inQuery: true } as const;
    check(await send(owner(), put), target);
    check(await s3(owner(), 'GET', `/${bucket}/injected`), `after ${target}`);
    const named = `/${bucket}/injected?x-amz-meta-${value}=a`;
    check(await send(owner(), { ...put, target: named }), named);
    check(await s3(owner(), 'GET', `/${bucket}/injected`), `after ${named}`);
    check(await s3(owner(), 'GET', `/${bucket}/${value}`), `a key ${value}`);
    check(await s3(owner(), 'GET', `/${bucket}?prefix=${value}&delimiter=${value}`), 'a list');
  }
  await s3(owner(), 'DELETE', `/${bucket}/injected`);
});

test('A21: no origin is let in from a browser', async () => {
  const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
  for (const method of ['GET', 'OPTIONS', 'PUT']) {
    const path = `/${world.owner.bucket}/${world.owner.object}`;
    const answer = await rawRequest(method, path, headers);
    const names = Object.keys(answer.headers).filter((name) => name.startsWith('access-control-'));
    assert.deepEqual([answer.status, names], [403, []], method);
  }
});

const CANNED = ['public-read', 'public-read-write', 'authenticated-read', 'aws-exec-read'];

test('A22: no ACL, however it is given, lets an outsider in', async () => {
  watch.changes();
  const { bucket, object } = world.owner;
  const grant = `id="${world.other.caller.key!.accessKeyId}"`;
  const headers = [
    ...CANNED.map((acl) => ({ 'x-amz-acl': acl })),
    { 'x-amz-grant-read': grant },
    { 'x-amz-grant-full-control': 'uri="http://acs.amazonaws.com/groups/global/AllUsers"' },
  ];
  for (const given of headers) {
    for (const target of [`/${bucket}?acl`, `/${bucket}/${object}?acl`, `/${bucket}/${object}`]) {
      const { status } = await s3(owner(), 'PUT', target, given);
      assert.equal(status, 400, `${target} ${JSON.stringify(given)}`);
    }
    for (const caller of [nobody(), world.user, world.other.caller]) {
      for (const target of [`/${bucket}`, `/${bucket}/${object}`, `/${bucket}?versions`]) {
        assert.equal((await s3(caller, 'GET', target)).status, 403, target);
      }
    }
  }
  assert.deepEqual(watch.changes(), []);
});

test('A26: a captured signature is worth nothing elsewhere', async () => {
  const { region, endpoint } = owner();
  const url = new URL(`${endpoint}/${world.owner.bucket}/${world.owner.object}`);
  const identity = { service: 's3', region, ...world.owner.key, nowMs: systemClock.nowMs() };
  const headers = signRequest({ ...identity, method: 'GET', url, headers: {}, body: '' });
  assert.equal((await fetch(url, { headers })).status, 200);
  const elsewhere: [string, string][] = [
    ['GET', `/${world.owner.bucket}/manifest.json`],
    ['GET', `/${world.owner.bucket}`],
    ['GET', `/${world.owner.bucket}/${world.owner.object}?acl`],
    ['DELETE', `/${world.owner.bucket}/${world.owner.object}`],
    ['POST', '/?Action=DescribeInstances'],
  ];
  for (const [method, target] of elsewhere) {
    const answer = await fetch(`${endpoint}${target}`, { method, headers });
    assert.equal(answer.status, 403, `${method} ${target}`);
  }
  const nameless = { ...owner(), key: { accessKeyId: '', secretAccessKey: '' } };
  for (const answer of [await callSts(nameless, WHO), await s3(nameless, 'GET', '/')]) {
    assert.ok(answer.status === 400 || answer.status === 403, answer.text);
  }
});

/** From the moment on at which the administrator's command has ended. */
const REVOCATION_MS = 1_000;

test('A26: a key that is deactivated, removed, or of a removed user is refused within a second', async () => {
  const { cloud } = world;
  const issued = await cloud.json<IssuedKey>('user', 'add', '--account', 'second', 'leaver');
  const caller: Caller = { ...owner(), key: issued };
  const ask = async () => (await callSts(caller, WHO)).code;
  assert.equal(await ask(), '');
  await cloud.ironbark('key', 'deactivate', issued.accessKeyId);
  const revokedMs = systemClock.monotonicMs();
  assert.equal(await ask(), 'InvalidClientTokenId');
  assert.ok(systemClock.monotonicMs() - revokedMs < REVOCATION_MS);
  await cloud.ironbark('key', 'activate', issued.accessKeyId);
  assert.equal(await ask(), '');
  await cloud.ironbark('user', 'remove', '--account', 'second', 'leaver');
  assert.equal(await ask(), 'InvalidClientTokenId');
  const again = await cloud.json<IssuedKey>('user', 'add', '--account', 'second', 'leaver');
  assert.notEqual(again.arn === issued.arn && again.accessKeyId === issued.accessKeyId, true);
  assert.equal(await ask(), 'InvalidClientTokenId');
});

test('A31: another account’s instance gets no volume and loses none, by force neither', async () => {
  watch.changes();
  const { owner: victim, other } = world;
  const attempts: [string, object, string][] = [
    [
      'AttachVolume',
      { VolumeId: other.volume, InstanceId: victim.running },
      'InvalidInstanceID.NotFound',
    ],
    [
      'AttachVolume',
      { VolumeId: victim.volume, InstanceId: other.running },
      'InvalidVolume.NotFound',
    ],
    [
      'AttachVolume',
      { VolumeId: victim.attached, InstanceId: other.running },
      'InvalidVolume.NotFound',
    ],
    ['DetachVolume', { VolumeId: victim.attached, Force: true }, 'InvalidVolume.NotFound'],
    [
      'DetachVolume',
      { VolumeId: victim.attached, InstanceId: victim.running },
      'InvalidVolume.NotFound',
    ],
  ];
  for (const [action, input, code] of attempts) {
    const answer = await callEc2(other.caller, action, { ...input, Device: DEVICE });
    assert.equal(answer.code, code, `${action} ${JSON.stringify(input)}`);
  }
  assert.deepEqual(watch.changes(), []);
});

test('A31: another account’s volumes and snapshots are not deleted, snapshotted, copied or shared', async () => {
  watch.changes();
  const { owner: victim, other } = world;
  const zone = { AvailabilityZone: `${other.caller.region}a` };
  const all = { CreateVolumePermission: { Add: [{ Group: 'all' }] } };
  const copied = { SourceRegion: other.caller.region, SourceSnapshotId: victim.snapshot };
  const together = { InstanceSpecification: { InstanceId: victim.running } };
  const lock = { LockMode: 'governance', LockDuration: 1 };
  const volume = 'InvalidVolume.NotFound';
  const snapshot = 'InvalidSnapshot.NotFound';
  const attempts: [string, object, string][] = [
    ['DeleteVolume', { VolumeId: victim.volume }, volume],
    ['CreateSnapshot', { VolumeId: victim.volume }, volume],
    ['CreateSnapshot', { VolumeId: victim.attached }, volume],
    ['CreateSnapshots', together, 'InvalidInstanceID.NotFound'],
    ['ModifyVolumeAttribute', { VolumeId: victim.volume, AutoEnableIO: { Value: true } }, volume],
    ['DeleteSnapshot', { SnapshotId: victim.snapshot }, snapshot],
    ['CopySnapshot', copied, snapshot],
    ['CreateVolume', { ...zone, SnapshotId: victim.snapshot }, snapshot],
    ['ModifySnapshotAttribute', { SnapshotId: victim.snapshot, ...all }, snapshot],
    ['LockSnapshot', { SnapshotId: victim.snapshot, ...lock }, snapshot],
    ['UnlockSnapshot', { SnapshotId: victim.locked }, snapshot],
  ];
  for (const [action, input, code] of attempts) {
    const answer = await callEc2(other.caller, action, input);
    assert.equal(answer.code, code, `${action} ${JSON.stringify(input)}`);
  }
  assert.deepEqual(watch.changes(), []);
});
