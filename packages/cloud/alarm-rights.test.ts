// Owns the proof that policies which name alarms, or their tags, hold for what is done to alarms.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { CloudwatchAction, CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { parseIdentityPolicy } from '@ironbark/protocol/policy/identity-document.ts';
import { policyOf } from './testing/iam-lab.ts';
import { TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;
let prefix: string;

before(async () => {
  cloud = await TestCloud.start();
  prefix = `arn:aws:cloudwatch:us-east-1:${cloud.cloud.accountId}:alarm:`;
  const Tags = [{ Key: 'team', Value: 'disks' }];
  for (const AlarmName of ['a', 'b']) {
    await callAs([{ Action: '*' }], 'PutMetricAlarm', { ...ALARM, AlarmName, Tags });
  }
  await callAs([{ Action: '*' }], 'UntagResource', {
    ...{ ResourceARN: `${prefix}b`, TagKeys: ['team'] },
  });
});
after(() => cloud?.[Symbol.asyncDispose]());

const ALARM = {
  ...{ AlarmName: 'new', Namespace: 'App', MetricName: 'Latency', Statistic: 'Maximum' as const },
  ...{ Period: 60, EvaluationPeriods: 1, Threshold: 2 },
  ComparisonOperator: 'GreaterThanThreshold' as const,
};

/** By a user whose policy has these statements. */
async function callAs<Name extends CloudwatchAction>(
  rules: readonly object[],
  action: Name,
  input: CloudwatchInput<Name>,
): Promise<unknown> {
  const { accountId } = cloud.cloud;
  const permissions = { identity: [parseIdentityPolicy(policyOf(...rules))] };
  const arn = `arn:aws:iam::${accountId}:user/u`;
  const principal: Principal = { accountId, arn, userId: 'AIDAU', isRoot: false, permissions };
  const context = { requestId: 'r', principal, accountId, region: 'us-east-1', dryRun: false };
  return await cloud.cloud.cloudwatch.call(action, context, input);
}

function isRefused(permission: string) {
  return (error: { kind?: string; message: string }) =>
    error.kind === 'not-authorized' && error.message.includes(`perform: ${permission} on resource`);
}

const NAMING_A: readonly [CloudwatchAction, (arn: string) => object][] = [
  ['ListTagsForResource', (ResourceARN) => ({ ResourceARN })],
  ['TagResource', (ResourceARN) => ({ ResourceARN, Tags: [{ Key: 'k', Value: '' }] })],
  ['UntagResource', (ResourceARN) => ({ ResourceARN, TagKeys: ['team'] })],
  ['PutMetricAlarm', () => ({ ...ALARM, AlarmName: 'a' })],
  ['DescribeAlarms', () => ({ AlarmNames: ['b', 'a'] })],
  ['DeleteAlarms', () => ({ AlarmNames: ['b', 'a'] })],
];

test('what is denied of one alarm, by its ARN or its tag, is not done to it', async () => {
  const denials = [
    { Resource: `${prefix}a` },
    { Condition: { StringEquals: { 'aws:ResourceTag/team': 'disks' } } },
  ];
  for (const denial of denials) {
    for (const [action, inputOf] of NAMING_A) {
      const permission = `cloudwatch:${action}`;
      const rules = [{ Action: '*' }, { Effect: 'Deny', Action: permission, ...denial }];
      const call = callAs(rules, action, inputOf(`${prefix}a`) as never);
      await assert.rejects(call, isRefused(permission), `${action} ${JSON.stringify(denial)}`);
    }
  }
  const rules = [{ Action: '*' }, { Effect: 'Deny', Action: '*', ...denials[0] }];
  await callAs(rules, 'TagResource', { ResourceARN: `${prefix}b`, Tags: [] });
});

test('who may do something to some alarms alone may do it to those and to no others', async () => {
  const rules = [{ Action: 'cloudwatch:*', Resource: `${prefix}a` }];
  await callAs(rules, 'ListTagsForResource', { ResourceARN: `${prefix}a` });
  const other = callAs(rules, 'ListTagsForResource', { ResourceARN: `${prefix}b` });
  await assert.rejects(other, isRefused('cloudwatch:ListTagsForResource'));
  await assert.rejects(callAs(rules, 'DescribeAlarms', {}), isRefused('cloudwatch:DescribeAlarms'));
  await callAs([{ Action: 'cloudwatch:*', Resource: `${prefix}*` }], 'DescribeAlarms', {});
  const byTag = { Condition: { StringEquals: { 'aws:ResourceTag/team': 'disks' } } };
  const tagged = [{ Action: 'cloudwatch:*', ...byTag }];
  await callAs(tagged, 'DescribeAlarms', { AlarmNames: ['a'] });
  const untagged = callAs(tagged, 'DeleteAlarms', { AlarmNames: ['b'] });
  await assert.rejects(untagged, isRefused('cloudwatch:DeleteAlarms'));
});

test('an alarm is put with tags only by whom TagResource is allowed on it', async () => {
  const Tags = [{ Key: 'team', Value: 'cards' }];
  const tagging = 'cloudwatch:TagResource';
  const denials = [
    { Resource: `${prefix}new` },
    { Condition: { StringEquals: { 'aws:RequestTag/team': 'cards' } } },
  ];
  for (const denial of denials) {
    const rules = [{ Action: '*' }, { Effect: 'Deny', Action: tagging, ...denial }];
    await assert.rejects(callAs(rules, 'PutMetricAlarm', { ...ALARM, Tags }), isRefused(tagging));
  }
  const putting = [{ Action: 'cloudwatch:PutMetricAlarm' }];
  await assert.rejects(callAs(putting, 'PutMetricAlarm', { ...ALARM, Tags }), isRefused(tagging));
  await callAs(putting, 'PutMetricAlarm', ALARM);
});
