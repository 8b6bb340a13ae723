import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { AuditEvent } from '../audit-log.ts';
import type { GatewayServices } from '../gateway-messages.ts';
import type { AccessKeyRecord } from '../identity-client.ts';
import {
  cutRecord,
  gatewayVerbs,
  remoteEnvelopes,
  remoteIdentity,
  sayHello,
} from './gateway-wire.ts';

const PURPOSE = 'ironbark objects account 123456789012';
const RECORD: AccessKeyRecord = {
  accessKeyId: 'AKIAOWNEROWNEROWNERO',
  secretAccessKey: 'secret',
  principal: { accountId: '123456789012', arn: 'arn', userId: '123456789012', isRoot: true },
};
const EVENT: AuditEvent = {
  eventTime: '2026-01-31T12:00:00.000Z',
  eventSource: 's3.amazonaws.com',
  eventName: 'PutObject',
  awsRegion: 'us-east-1',
  sourceIPAddress: '10.0.0.1',
  requestID: 'ABC',
  userIdentity: { type: 'Root', accountId: '123456789012' },
  readOnly: false,
  managementEvent: false,
  resources: [{ type: 'AWS::S3::Bucket', ARN: 'arn:aws:s3:::b' }],
  httpStatus: 200,
};

function cloud() {
  const recorded: AuditEvent[] = [];
  const uses: string[] = [];
  const services: GatewayServices = {
    identity: {
      findAccessKey: async (id) => (id === RECORD.accessKeyId ? RECORD : undefined),
      noteUse: (id) => void uses.push(id),
    },
    envelopes: () => ({
      ensure: async () => {},
      close: (_purpose, key) => key.toString('hex'),
      open: (_purpose, envelope) => Buffer.from(envelope, 'hex'),
    }),
    audit: {
      record: async (event) => {
        recorded.push(event);
      },
    },
  };
  const verbs = gatewayVerbs(services, '1.0');
  const call = async (verb: string, input: unknown = {}) => {
    const answer = await verbs[verb]!(JSON.parse(JSON.stringify(input)));
    return JSON.parse(JSON.stringify(answer ?? null));
  };
  return { recorded, uses, call, ready: () => call('hello', { version: '1.0' }) };
}

test('a gateway learns who has a key, and notes its use once in a while', async () => {
  const { call, uses } = cloud();
  assert.deepEqual(await sayHello({ call }, '1.0'), { isGateway: true, version: '1.0' });
  const identity = remoteIdentity({ call }, assert.ifError);
  assert.deepEqual(await identity.findAccessKey(RECORD.accessKeyId), RECORD);
  assert.equal(await identity.findAccessKey('AKIANOBODYNOBODYNOBO'), undefined);
  assert.equal(await identity.findAccessKey('A'.repeat(4_000)), undefined);
  assert.equal(await identity.findBucketLimit('123456789012'), undefined);
  for (const atMs of [1_000, 2_000, 60_000]) {
    identity.noteUse(RECORD.accessKeyId, { service: 's3', region: 'r', atMs });
  }
  assert.equal(uses.length, 2);
});

test('the keyring opens keys of accounts to gateways, and nothing else', async () => {
  const { call, ready } = cloud();
  await ready();
  const envelopes = remoteEnvelopes({ call });
  const key = Buffer.alloc(32, 7);
  const envelope = await envelopes.close(PURPOSE, key);
  assert.deepEqual(await envelopes.open(PURPOSE, envelope), key);
  for (const purpose of ['ironbark volume vol-1', `${PURPOSE} `, 'ironbark objects account 1']) {
    const opened = call('openKey', { purpose, envelope });
    await assert.rejects(opened, (error) => isServiceError(error, 'malformed-input'));
  }
});

test('a gateway records calls of S3, and none that change something as reading', async () => {
  const { call, recorded, ready } = cloud();
  await ready();
  await call('record', { events: [EVENT, { ...EVENT, eventName: 'GetObject', readOnly: true }] });
  assert.equal(recorded.length, 2);
  for (const wrong of [
    { eventSource: 'iam.amazonaws.com' },
    { readOnly: true },
    { more: 'than there is' },
  ]) {
    const refused = call('record', { events: [EVENT, { ...EVENT, ...wrong }] });
    await assert.rejects(refused, (error) => isServiceError(error, 'malformed-input'));
  }
  assert.equal(recorded.length, 2);
});

test('however long what a client has named is, its call is recorded', async () => {
  const { call, recorded, ready } = cloud();
  await ready();
  const long = 'k'.repeat(100_000);
  const event = {
    ...EVENT,
    userAgent: long,
    userIdentity: { type: 'Unknown' as const, accessKeyId: long },
    resources: [{ type: 'AWS::S3::Object', ARN: `arn:aws:s3:::b/${long}` }],
  };
  await call('record', { events: [cutRecord(event), EVENT] });
  assert.equal(recorded.length, 2);
  assert.match(recorded[0]!.resources[0]!.ARN, /^arn:aws:s3:::b\/k{2000}/);
});

test('a gateway of another version is told which one the cloud has, and nothing else', async () => {
  const { call, recorded } = cloud();
  for (const greeting of [undefined, {}, { version: '0.9' }]) {
    if (greeting !== undefined) assert.equal((await call('hello', greeting)).version, '1.0');
    for (const [verb, input] of [
      ['findAccessKey', { accessKeyId: RECORD.accessKeyId }],
      ['record', { events: [EVENT] }],
    ] as const) {
      await assert.rejects(call(verb, input), (error) => isServiceError(error, 'incorrect-state'));
    }
  }
  assert.deepEqual(recorded, []);
});

test('which records are kept with those about the cloud is not for a gateway to say', async () => {
  const { call, recorded, ready } = cloud();
  await ready();
  const claims = { ...EVENT, managementEvent: true };
  const bucket = { ...EVENT, eventName: 'CreateBucket' };
  const unproven = { ...bucket, managementEvent: true, userIdentity: { type: 'Unknown' } };
  await call('record', { events: [claims, bucket, unproven] });
  assert.deepEqual(
    recorded.map(({ managementEvent }) => managementEvent),
    [false, true, false],
  );
});
