// Owns the proof that no action of any table is done for a caller whose policies deny it, whatever else they allow.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { parseIdentityPolicy } from '@ironbark/protocol/policy/identity-document.ts';
import type { ActionTable } from './actions/action.ts';
import { EBS_ACTIONS } from './actions/table-ebs.ts';
import { policyOf } from './testing/iam-lab.ts';
import { TestCloud } from './testing/test-cloud.ts';

let cloud: TestCloud;

before(async () => {
  cloud = await TestCloud.start();
});
after(() => cloud?.[Symbol.asyncDispose]());

/** "No permissions are required"; and what asks for itself, since a role's trust counts as well. */
const NOT_DENIED_HERE = new Set(['sts:GetCallerIdentity', 'sts:AssumeRole']);

function allTables(): [service: string, actions: readonly string[], call: ActionTable['call']][] {
  const { ec2, sts, iam, cloudwatch, servicequotas, cloudtrail, ebs } = cloud.cloud;
  const tables = { ec2, sts, iam, cloudwatch, servicequotas, cloudtrail };
  return [
    ...Object.entries(tables).map(
      ([service, table]) =>
        [
          service,
          table.names(),
          (...call: Parameters<ActionTable['call']>) => table.call(...call),
        ] as const,
    ),
    [
      'ebs',
      EBS_ACTIONS,
      ((operation, context) =>
        ebs(context, {
          operation,
          snapshotId: 'snap-1',
          query: new Map(),
        } as never)) satisfies ActionTable['call'],
    ] as const,
  ].map(([service, actions, call]) => [service, actions, call]);
}

async function outcomes(rules: (permission: string) => object[]): Promise<Map<string, string>> {
  const { accountId } = cloud.cloud;
  const found = new Map<string, string>();
  for (const [service, actions, call] of allTables()) {
    for (const action of actions) {
      const permission = `${service}:${action}`;
      const identity = [parseIdentityPolicy(policyOf(...rules(permission)))];
      const arn = `arn:aws:iam::${accountId}:user/u`;
      const permissions = { identity };
      const principal: Principal = { accountId, arn, userId: 'AIDAU', isRoot: false, permissions };
      const context = { requestId: 'r', principal, accountId, region: 'us-east-1', dryRun: true };
      const answer = await call(action, context, {}).then(
        () => 'done',
        (error: { kind?: string; message: string }) =>
          error.kind === 'not-authorized' ? error.message : `other: ${error.kind}`,
      );
      found.set(permission, answer);
    }
  }
  return found;
}

test('every action of every table is refused where it is denied and all else is allowed', async () => {
  const answers = await outcomes((Action) => [{ Action: '*' }, { Effect: 'Deny', Action }]);
  assert.ok(answers.size > 150, `only ${answers.size} actions`);
  const done = [...answers].filter(([, answer]) => !answer.includes('with an explicit deny'));
  assert.deepEqual(done.map(([permission]) => permission).sort(), [...NOT_DENIED_HERE].sort());
});

test('every action of every table is refused where all but it is allowed', async () => {
  const answers = await outcomes((NotAction) => [{ NotAction }]);
  const done = [...answers].filter(
    ([, answer]) => !answer.includes('no identity-based policy allows'),
  );
  assert.deepEqual(
    done.map(([permission]) => permission).sort(),
    [...NOT_DENIED_HERE, 'sts:GetSessionToken'].sort(),
  );
});

test('an action that is allowed for something else alone is refused', async () => {
  const elsewhere = 'arn:aws:none:::nothing';
  const answers = await outcomes((Action) => [{ Action, Resource: elsewhere }]);
  const done = [...answers].filter(
    ([, answer]) => !answer.includes('no identity-based policy allows'),
  );
  assert.deepEqual(
    done.map(([permission]) => permission).sort(),
    [...NOT_DENIED_HERE, 'sts:GetSessionToken'].sort(),
  );
});
