// Owns the tests of how much IAM and STS take: of policies, of tags and descriptions of sessions, roles and interfaces.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { IamLab, policyOf, trustOf } from './testing/iam-lab.ts';

let lab: IamLab;
let anyone: string;

before(async () => {
  lab = await IamLab.start();
  anyone = trustOf({ Principal: { AWS: lab.accountId } });
});
after(() => lab?.[Symbol.asyncDispose]());

const PADDING = ' '.repeat(131_072);
const malformed = { kind: 'malformed-input', resource: 'policy' };
const invalid = { kind: 'invalid-parameter' };

async function makeRole(RoleName: string) {
  const wish = { RoleName, AssumeRolePolicyDocument: anyone };
  return (await lab.iam('CreateRole', wish)).Role!.Arn!;
}

test('a policy is refused for its white space too, wherever it is given', async () => {
  const RoleArn = await makeRole('padded');
  const user = await lab.addUser('ida');
  await lab.allow('ida', { Action: 'sts:AssumeRole' });
  const Policy = policyOf({ Action: 'ec2:*' }) + PADDING;
  const trust = anyone + PADDING;
  const [PolicyName, UserName] = ['p', 'ida'];
  const calls = [
    lab.iam('CreatePolicy', { PolicyName, PolicyDocument: Policy }),
    lab.iam('PutUserPolicy', { UserName, PolicyName, PolicyDocument: Policy }),
    lab.iam('CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: trust }),
    lab.iam('UpdateAssumeRolePolicy', { RoleName: 'padded', PolicyDocument: trust }),
    lab.stsAs(await user(), 'AssumeRole', { RoleArn, RoleSessionName: 's1', Policy }),
  ];
  for (const call of calls) await assert.rejects(call, malformed);
});

test('a session has at most fifty tags', async () => {
  const RoleName = 'tagged';
  const Action = ['sts:AssumeRole', 'sts:TagSession'];
  const AssumeRolePolicyDocument = trustOf({ Principal: { AWS: lab.accountId }, Action });
  const { Role } = await lab.iam('CreateRole', { RoleName, AssumeRolePolicyDocument });
  const user = await lab.addUser('jo');
  await lab.allow('jo', { Action: 'sts:*' });
  const take = async (count: number) => {
    const Tags = Array.from({ length: count }, (_, at) => ({ Key: `k${at}`, Value: 'v' }));
    const wish = { RoleArn: Role!.Arn!, RoleSessionName: 's1', Tags };
    return await lab.stsAs(await user(), 'AssumeRole', wish);
  };
  await take(50);
  await assert.rejects(take(51), invalid);
});

test('descriptions have an end', async () => {
  await makeRole('described');
  const RoleName = 'described';
  const Description = 'd'.repeat(1_001);
  const PolicyDocument = policyOf({ Action: 'ec2:*' });
  const trust = { AssumeRolePolicyDocument: anyone };
  const calls = [
    lab.iam('CreateRole', { RoleName: 'long', ...trust, Description }),
    lab.iam('UpdateRole', { RoleName, Description }),
    lab.iam('UpdateRoleDescription', { RoleName, Description }),
    lab.iam('CreatePolicy', { PolicyName: 'long', PolicyDocument, Description }),
  ];
  for (const call of calls) await assert.rejects(call, invalid);
  await lab.iam('UpdateRole', { RoleName, Description: Description.slice(1) });
  const { Subnets } = await lab.cloud.call('DescribeSubnets', {});
  const SubnetId = Subnets![0]!.SubnetId!;
  const make = (length: number) =>
    lab.cloud.call('CreateNetworkInterface', { SubnetId, Description: 'd'.repeat(length) });
  await assert.rejects(make(256), invalid);
  const { NetworkInterface } = await make(255);
  const NetworkInterfaceId = NetworkInterface!.NetworkInterfaceId!;
  const longer = { NetworkInterfaceId, Description: { Value: 'd'.repeat(256) } };
  await assert.rejects(lab.cloud.call('ModifyNetworkInterfaceAttribute', longer), invalid);
});

test('session policies are those of the role’s account', async () => {
  const other = await lab.cloud.addAccount('other');
  const Principal = { AWS: lab.accountId };
  const wish = { RoleName: 'theirs', AssumeRolePolicyDocument: trustOf({ Principal }) };
  const { Role } = await lab.iamAs(other, 'CreateRole', wish);
  const PolicyDocument = policyOf({ Action: 'ec2:Describe*' });
  const policy = { PolicyName: 'narrow', PolicyDocument };
  const theirs = (await lab.iamAs(other, 'CreatePolicy', policy)).Policy!.Arn!;
  const ours = (await lab.iam('CreatePolicy', policy)).Policy!.Arn!;
  const user = await lab.addUser('lou');
  await lab.allow('lou', { Action: 'sts:AssumeRole' });
  const take = async (arn: string) =>
    lab.stsAs(await user(), 'AssumeRole', {
      ...{ RoleArn: Role!.Arn!, RoleSessionName: 's1', PolicyArns: [{ arn }] },
    });
  await assert.rejects(take(ours), { kind: 'not-found' });
  await take(theirs);
});
