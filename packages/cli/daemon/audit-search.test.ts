// Owns the tests of LookupEvents over the record of calls as the daemon keeps it, with AWS's own client.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CloudTrailClient,
  CreateTrailCommand,
  LookupEventsCommand,
  type LookupEventsCommandInput,
  paginateLookupEvents,
} from '@aws-sdk/client-cloudtrail';
import { JsonLab } from '@ironbark/cloud/testing/json-lab.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import type { AuditEvent } from '@ironbark/protocol/internal/audit-log.ts';
import { type EmbeddedAudit, openAudit } from './audit.ts';

const DAY_MS = 86_400_000;
let stack: AsyncDisposableStack;
let audit: EmbeddedAudit;
let lab: JsonLab;
let client: CloudTrailClient;
let accountId: string;

before(async () => {
  stack = new AsyncDisposableStack();
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-audit-'));
  stack.defer(() => rm(directory, { recursive: true }));
  audit = stack.use(await openAudit({ directory, clock: systemClock, logger: silentLogger }));
  lab = stack.use(await JsonLab.start({ audit }));
  accountId = lab.lab.accountId;
  client = stack.adopt(new CloudTrailClient(await lab.settings()), (one) => one.destroy());
  const hour = 3_600_000;
  const now = systemClock.nowMs();
  await record('CreateVolume', now - 100 * DAY_MS);
  await record('CreateVolume', now - 3 * hour, { resources: [volume('vol-1')] });
  await record('DeleteVolume', now - 2 * hour, {
    resources: [volume('vol-1')],
    ...{ httpStatus: 400, errorCode: 'VolumeInUse' },
  });
  await record('CreateUser', now - hour, { eventSource: 'iam.amazonaws.com' });
  await record('CreateVolume', now - hour, {}, '999999999999');
  await record('GetObject', now - hour, { managementEvent: false });
  await record('DescribeVolumes', now - hour, { readOnly: true, userIdentity: ofAnn() });
  await audit.flush();
});
after(() => stack.disposeAsync());

function volume(id: string) {
  return { type: 'AWS::EC2::Volume', ARN: `arn:aws:ec2:us-east-1:${accountId}:volume/${id}` };
}

function ofAnn(): AuditEvent['userIdentity'] {
  const arn = `arn:aws:iam::${accountId}:user/ann`;
  return { type: 'IAMUser', accountId, principalId: 'AIDAANN', arn, accessKeyId: 'AKIAANN' };
}

async function record(
  eventName: string,
  atMs: number,
  more: Partial<AuditEvent> = {},
  owner = accountId,
): Promise<void> {
  const arn = `arn:aws:iam::${owner}:root`;
  const accessKeyId = 'AKIAROOT';
  await audit.record({
    ...{ eventTime: new Date(atMs).toISOString(), eventSource: 'ec2.amazonaws.com', eventName },
    ...{ awsRegion: 'us-east-1', sourceIPAddress: '127.0.0.1', requestID: `of-${eventName}` },
    userIdentity: { type: 'Root', accountId: owner, principalId: owner, arn, accessKeyId },
    ...{ readOnly: false, managementEvent: true, resources: [], httpStatus: 200 },
    ...more,
  });
}

/** Looked up calls are calls themselves: those of the tests are left out. */
const UNTIL = () => ({ EndTime: new Date(systemClock.nowMs() - 60_000) });

async function names(input: LookupEventsCommandInput = {}): Promise<string[]> {
  const { Events } = await client.send(new LookupEventsCommand({ ...UNTIL(), ...input }));
  return Events!.map(({ EventName }) => EventName!);
}

function by(
  AttributeKey: NonNullable<LookupEventsCommandInput['LookupAttributes']>[0]['AttributeKey'],
  AttributeValue: string,
): LookupEventsCommandInput {
  return { LookupAttributes: [{ AttributeKey, AttributeValue }] };
}

test('the newest come first: of the own account, about the cloud itself, of the last 90 days', async () => {
  const all = ['DescribeVolumes', 'CreateUser', 'DeleteVolume', 'CreateVolume'];
  assert.deepEqual(await names(), all);
  const { Events } = await client.send(new LookupEventsCommand({ ...UNTIL(), MaxResults: 3 }));
  const refused = Events![2]!;
  assert.equal(refused.Username, 'root');
  assert.deepEqual(refused.Resources, [
    { ResourceType: 'AWS::EC2::Volume', ResourceName: 'vol-1' },
  ]);
  const whole = JSON.parse(refused.CloudTrailEvent!);
  assert.deepEqual(
    [whole.errorCode, whole.eventID, whole.eventType, whole.recipientAccountId],
    ['VolumeInUse', refused.EventId, 'AwsApiCall', accountId],
  );
  assert.match(refused.EventId!, /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  const ann = JSON.parse(Events![0]!.CloudTrailEvent!);
  assert.deepEqual(ann.userIdentity, { ...ofAnn(), userName: 'ann' });
});

test('each attribute finds what has it', async () => {
  assert.deepEqual(await names(by('EventName', 'CreateUser')), ['CreateUser']);
  assert.deepEqual(await names(by('EventSource', 'iam.amazonaws.com')), ['CreateUser']);
  assert.deepEqual(await names(by('ReadOnly', 'true')), ['DescribeVolumes']);
  assert.deepEqual(await names(by('Username', 'ann')), ['DescribeVolumes']);
  assert.deepEqual(await names(by('AccessKeyId', 'AKIAANN')), ['DescribeVolumes']);
  const ofVolume = ['DeleteVolume', 'CreateVolume'];
  assert.deepEqual(await names(by('ResourceName', 'vol-1')), ofVolume);
  assert.deepEqual(await names(by('ResourceName', volume('vol-1').ARN)), ofVolume);
  assert.deepEqual(await names(by('ResourceType', 'AWS::EC2::Volume')), ofVolume);
  const { Events } = await client.send(new LookupEventsCommand(by('EventName', 'CreateUser')));
  assert.deepEqual(await names(by('EventId', Events![0]!.EventId!)), ['CreateUser']);
  assert.deepEqual(await names(by('EventName', 'Absent')), []);
});

test('times bound what is found', async () => {
  const before = (hours: number) => new Date(systemClock.nowMs() - hours * 3_600_000);
  const found = await names({ StartTime: before(2.5), EndTime: before(1.5) });
  assert.deepEqual(found, ['DeleteVolume']);
  const wrong = client.send(new LookupEventsCommand({ StartTime: before(1), EndTime: before(2) }));
  await assert.rejects(wrong, { name: 'InvalidTimeRangeException' });
});

test('pages go on where the last ended, and for the same question alone', async () => {
  const found: string[] = [];
  const input = UNTIL();
  for await (const page of paginateLookupEvents({ client, pageSize: 1 }, { ...input })) {
    assert.ok(page.Events!.length <= 1);
    found.push(...page.Events!.map(({ EventName }) => EventName!));
  }
  assert.deepEqual(found, ['DescribeVolumes', 'CreateUser', 'DeleteVolume', 'CreateVolume']);
  const { NextToken } = await client.send(new LookupEventsCommand({ ...input, MaxResults: 1 }));
  const other = client.send(new LookupEventsCommand({ ...by('ReadOnly', 'true'), NextToken }));
  await assert.rejects(other, { name: 'InvalidNextTokenException' });
});

test('what is no question is refused by AWS’s names', async () => {
  const refused = (input: LookupEventsCommandInput, name: string) =>
    assert.rejects(client.send(new LookupEventsCommand(input)), { name });
  const [one] = by('EventName', 'x').LookupAttributes!;
  await refused({ LookupAttributes: [one!, one!] }, 'InvalidLookupAttributesException');
  await refused(by('EventName', ''), 'InvalidLookupAttributesException');
  await refused(by('ReadOnly', 'yes'), 'InvalidLookupAttributesException');
  await refused({ MaxResults: 0 }, 'InvalidMaxResultsException');
  await refused({ MaxResults: 51 }, 'InvalidMaxResultsException');
  await refused({ NextToken: 'x' }, 'InvalidNextTokenException');
  await refused({ EventCategory: 'insight' }, 'UnsupportedOperation');
  const trail = client.send(new CreateTrailCommand({ Name: 't', S3BucketName: 'b' }));
  await assert.rejects(trail, { name: 'UnsupportedOperation' });
});

test('calls are found soon after they were made; who may not look is refused, which is found too', async () => {
  await lab.lab.iam('CreateUser', { UserName: 'bea' });
  const { AccessKey } = await lab.lab.iam('CreateAccessKey', { UserName: 'bea' });
  const bea = new CloudTrailClient(await lab.settings(AccessKey));
  const denied = { name: 'AccessDeniedException' };
  await assert.rejects(bea.send(new LookupEventsCommand({})), denied);
  await audit.flush();
  const { Events } = await client.send(new LookupEventsCommand(by('Username', 'bea')));
  const [event] = Events!;
  const { errorCode, eventSource } = JSON.parse(event!.CloudTrailEvent!);
  assert.deepEqual([errorCode, eventSource], [denied.name, 'cloudtrail.amazonaws.com']);
  await lab.lab.allow('bea', { Action: 'cloudtrail:LookupEvents' });
  assert.ok((await bea.send(new LookupEventsCommand({}))).Events!.length > 0);
  bea.destroy();
});
