// A12: secrets that go through the APIs are found where they belong, and nowhere else.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { IssuedKey } from '@ironbark/cloud/app/accounts.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { presignUrl } from '@ironbark/protocol/sigv4/sign.ts';
import {
  Canaries,
  searchDatabases,
  searchDataFolder,
  searchProcesses,
} from '../support/canaries.ts';
import { type Answer, type Caller, callEc2, callSts, send } from '../support/signed-call.ts';
import { startTwoAccounts, type TwoAccounts } from '../support/two-accounts.ts';

let world: TwoAccounts;
const canaries = new Canaries(String(process.pid));
/** Everything that the cloud said meanwhile, apart from the answers whose business a secret is. */
const said: string[] = [];

before(async () => {
  world = await startTwoAccounts();
  await sendEverywhere();
});
after(() => world?.[Symbol.asyncDispose]());

async function sendEverywhere(): Promise<void> {
  const { owner, other, user, cloud } = world;
  for (const [what, { key }] of Object.entries({ owner, other, user })) {
    canaries.adopt(`secret-key-of-${what}`, key.secretAccessKey);
  }
  const issued = await cloud.json<IssuedKey>('user', 'add', '--account', 'main', 'canary');
  canaries.adopt('secret-key-issued', issued.secretAccessKey);
  await sendToEc2(owner.caller, user);
  await sendToS3(owner.caller, owner.bucket);
  said.push((await cloud.ironbark('status', '--json')).stdout);
  said.push((await cloud.ironbark('key', 'list', '--json')).stdout);
  said.push((await cloud.ironbark('logs', '-n', '1000')).stdout);
}

async function sendToEc2(owner: Caller, user: Caller): Promise<void> {
  const hear = async (answer: Promise<Answer>) => said.push((await answer).text);
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  const { running } = world.owner;
  const launch = { ImageId: world.owner.image, InstanceType: 't3.nano', MinCount: 1, MaxCount: 1 };
  const userData = base64(`#!/bin/sh\nexport PASSWORD=${canaries.make('user-data')}\n`);
  await hear(callEc2(owner, 'RunInstances', { ...launch, UserData: userData }));
  const tooLong = base64(canaries.make('long-user-data').repeat(1_000));
  await hear(callEc2(owner, 'RunInstances', { ...launch, UserData: tooLong }));
  await hear(
    callEc2(user, 'RunInstances', {
      ...launch,
      UserData: base64(canaries.make('denied-user-data')),
    }),
  );
  const tags = [{ Key: 'aws:secret', Value: canaries.make('refused-tag') }];
  await hear(callEc2(owner, 'CreateTags', { Resources: [running], Tags: tags }));
  const material = Buffer.from(`-----BEGIN PRIVATE KEY-----\n${canaries.make('private-key')}\n`);
  await hear(callEc2(owner, 'ImportKeyPair', { KeyName: 'k', PublicKeyMaterial: material }));
  const made = await callEc2(owner, 'CreateKeyPair', { KeyName: 'canary', KeyType: 'ed25519' });
  canaries.adopt('key-material', readKeyMaterial(made));
  for (const name of ['Password', 'SecretAccessKey', 'X-Amz-Security-Token']) {
    const target = `/?Action=DescribeInstances&${name}=${canaries.make(`query-${name}`)}`;
    await hear(send(owner, { service: 'ec2', method: 'GET', target }));
    await hear(send({ ...owner, key: undefined }, { service: 'ec2', method: 'GET', target }));
  }
  const wrong = {
    accessKeyId: owner.key!.accessKeyId,
    secretAccessKey: canaries.make('wrong-key'),
  };
  await hear(callSts({ ...owner, key: wrong }, 'GetCallerIdentity'));
}

function readKeyMaterial({ text }: Answer): string {
  const lines = /<keyMaterial>([^<]+)</.exec(text)![1]!.split('\n');
  return lines[2]!;
}

async function sendToS3(owner: Caller, bucket: string): Promise<void> {
  const s3 = async (method: string, target: string, headers = {}, caller = owner) => {
    const answer = await send(caller, { service: 's3', method, target, headers });
    said.push(answer.text);
  };
  const algorithm = { 'x-amz-server-side-encryption-customer-algorithm': 'AES256' };
  const customer = 'x-amz-server-side-encryption-customer-key';
  const sse = { ...algorithm, [customer]: canaries.make('sse-customer-key') };
  await s3('PUT', `/${bucket}/encrypted`, sse);
  await s3('GET', `/${bucket}/manifest.json`, sse);
  const token = { 'x-amz-security-token': canaries.make('session-token') };
  await s3('GET', `/${bucket}/manifest.json`, token);
  await s3('GET', `/${bucket}`, { authorization2: canaries.make('other-header') });
  await s3('GET', `/${bucket}/x?password=${canaries.make('s3-query')}`);
  await s3(
    'GET',
    `/${bucket}/x?password=${canaries.make('unsigned-query')}`,
    {},
    { ...owner, key: undefined },
  );
  const url = presignUrl({
    ...{ service: 's3', region: owner.region, ...owner.key!, nowMs: systemClock.nowMs() },
    ...{ method: 'GET', url: new URL(`${owner.endpoint}/${bucket}/manifest.json`) },
    expiresSeconds: 60,
  });
  canaries.adopt('presigned-signature', url.searchParams.get('X-Amz-Signature')!);
  assert.equal((await fetch(url)).status, 200);
  said.push(await (await fetch(`${url}`.replace('manifest', 'absent'))).text());
}

/** The signature that a client sent is in the refusal of it, as on AWS, to that client alone. */
const ECHOED = new Set(['presigned-signature', 'session-token']);

test('A12: no answer, no log, no status and no list of keys has a secret in it', () => {
  const found = [...new Set(said.flatMap((text) => canaries.findIn(text)))];
  assert.deepEqual(
    found.filter((what) => !ECHOED.has(what) && !/query/.test(what)),
    [],
  );
});

/** Place to the canaries that are to be there; all else is a leak. */
const COLUMNS = [
  /^cloud\/cloud\.db access_key\.secret: secret-key-/,
  /^cloud\/cloud\.db instance\.user_data: user-data$/,
  /^cluster\/cluster\.db \w+\.\w+: user-data$/,
];
const FILES = [/^node\/.*: user-data$/];

test('A12: in the databases secrets are in their own columns only', async () => {
  await launched();
  const found = searchDatabases(world.dataDir, canaries);
  assert.deepEqual(
    found.filter((place) => !COLUMNS.some((column) => column.test(place))),
    [],
  );
  assert.ok(
    found.some((place) => place.includes('user-data')),
    'the search finds nothing',
  );
  assert.ok(
    found.some((place) => place.includes('secret-key-of-user')),
    'nor keys',
  );
});

test('A12: no file has a secret in it but the intent of the node that hands it to the guest', async () => {
  await launched();
  const found = searchDataFolder(world.dataDir, canaries);
  assert.deepEqual(
    found.filter((place) => !FILES.some((file) => file.test(place))),
    [],
  );
  assert.deepEqual(searchProcesses(canaries), []);
});

/** User data is on its way to the node for a moment after the launch. */
async function launched(): Promise<void> {
  const options = { clock: systemClock, timeoutMs: 20_000, what: 'the instance runs' };
  await waitFor(async () => {
    const { text } = await callEc2(world.owner.caller, 'DescribeInstances', {});
    return !text.includes('<name>pending</name>');
  }, options);
}
