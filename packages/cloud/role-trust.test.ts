// Owns the tests that a role trusts who was meant when its trust policy was written, and nobody who takes the name later.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { mayTakeRole } from './app/iam/role-trust.ts';
import type { RoleTable } from './store/iam-schema.ts';
import { IamLab, policyOf, trustOf } from './testing/iam-lab.ts';

let lab: IamLab;

before(async () => {
  lab = await IamLab.start();
});
after(() => lab?.[Symbol.asyncDispose]());

const denied = { kind: 'not-authorized' };
const malformed = { kind: 'malformed-input' };

function arnOf(resource: string): string {
  return `arn:aws:iam::${lab.accountId}:${resource}`;
}

async function makeRole(RoleName: string, ...rules: object[]): Promise<string> {
  const { Role } = await lab.iam('CreateRole', {
    ...{ RoleName, AssumeRolePolicyDocument: trustOf(...rules) },
  });
  return Role!.Arn!;
}

/** Whom the role says that it trusts. */
async function trustedBy(RoleName: string): Promise<unknown> {
  const { Role } = await lab.iam('GetRole', { RoleName });
  const { Roles } = await lab.iam('ListRoles', {});
  const listed = Roles!.find((one) => one.RoleName === RoleName)!;
  assert.equal(listed.AssumeRolePolicyDocument, Role!.AssumeRolePolicyDocument);
  const policy = JSON.parse(decodeURIComponent(Role!.AssumeRolePolicyDocument!));
  return policy.Statement[0].Principal.AWS;
}

async function removeUser(UserName: string): Promise<void> {
  const { AccessKeyMetadata } = await lab.iam('ListAccessKeys', { UserName });
  for (const { AccessKeyId } of AccessKeyMetadata!) {
    await lab.iam('DeleteAccessKey', { UserName, AccessKeyId: AccessKeyId! });
  }
  await lab.iam('DeleteUser', { UserName });
}

test('a user who is made anew under the old name is not trusted, and shown as an id', async () => {
  const ann = await lab.addUser('ann');
  const { userId } = await ann();
  const RoleArn = await makeRole('keeper', { Principal: { AWS: [arnOf('user/ann')] } });
  const wish = { RoleArn, RoleSessionName: 'work' };
  await lab.stsAs(await ann(), 'AssumeRole', wish);
  assert.deepEqual(await trustedBy('keeper'), [arnOf('user/ann')]);
  await removeUser('ann');
  assert.deepEqual(await trustedBy('keeper'), [userId]);
  const second = await lab.addUser('ann');
  await assert.rejects(lab.stsAs(await second(), 'AssumeRole', wish), denied);
  assert.deepEqual(await trustedBy('keeper'), [userId]);
  const kept = trustOf({ Principal: { AWS: userId } });
  const keep = lab.iam('UpdateAssumeRolePolicy', { RoleName: 'keeper', PolicyDocument: kept });
  await assert.rejects(keep, malformed);
  const PolicyDocument = trustOf({ Principal: { AWS: arnOf('user/ann') } });
  await lab.iam('UpdateAssumeRolePolicy', { RoleName: 'keeper', PolicyDocument });
  await lab.stsAs(await second(), 'AssumeRole', wish);
});

test('a user who gets another name is trusted on, and who gets the old one is not', async () => {
  const bea = await lab.addUser('bea');
  const RoleArn = await makeRole('follower', { Principal: { AWS: arnOf('user/bea') } });
  const wish = { RoleArn, RoleSessionName: 'work' };
  await lab.iam('UpdateUser', { UserName: 'bea', NewUserName: 'beatrice' });
  await lab.stsAs(await bea(), 'AssumeRole', wish);
  assert.equal(await trustedBy('follower'), arnOf('user/beatrice'));
  const other = await lab.addUser('bea');
  await assert.rejects(lab.stsAs(await other(), 'AssumeRole', wish), denied);
});

test('roles and their sessions are kept by their ids, in denials too', async () => {
  const cal = await lab.addUser('cal');
  const first = await makeRole('first', { Principal: { AWS: arnOf('user/cal') } });
  const session = `arn:aws:sts::${lab.accountId}:assumed-role/first/bad`;
  const RoleArn = await makeRole(
    'second',
    { Principal: { AWS: first } },
    { Effect: 'Deny', Principal: { AWS: session } },
  );
  const take = async (RoleSessionName: string) => {
    const wish = { RoleArn: first, RoleSessionName };
    const { Credentials } = await lab.stsAs(await cal(), 'AssumeRole', wish);
    const principal = await lab.principalOf(Credentials!.AccessKeyId!);
    return lab.stsAs(principal, 'AssumeRole', { RoleArn, RoleSessionName: 'next' });
  };
  await take('good');
  await assert.rejects(take('bad'), denied);
  await lab.iam('DeleteRole', { RoleName: 'first' });
  await makeRole('first', { Principal: { AWS: arnOf('user/cal') } });
  assert.match(String(await trustedBy('second')), /^AROA/);
  await assert.rejects(take('good'), denied);
});

test('nobody can be trusted who is not there; what a condition says stays as it is', async () => {
  const names = [arnOf('user/nobody'), arnOf('role/none'), arnOf('user/other/cal'), 'AIDANOBODY'];
  for (const AWS of names) await assert.rejects(makeRole('r', { Principal: { AWS } }), malformed);
  const Condition = { ArnEquals: { 'aws:PrincipalArn': arnOf('user/nobody') } };
  await makeRole('conditional', { Principal: { AWS: lab.accountId }, Condition });
  const { Role } = await lab.iam('GetRole', { RoleName: 'conditional' });
  const shown = decodeURIComponent(Role!.AssumeRolePolicyDocument!);
  assert.equal(shown, trustOf({ Principal: { AWS: lab.accountId }, Condition }));
});

test('another account’s user is kept by its id', async () => {
  const dan = await lab.addUser('dan');
  await lab.allow('dan', { Action: 'sts:AssumeRole' });
  const other = await lab.cloud.addAccount('other');
  const Principal = { AWS: arnOf('user/dan') };
  const { Role } = await lab.iamAs(other, 'CreateRole', {
    ...{ RoleName: 'theirs', AssumeRolePolicyDocument: trustOf({ Principal }) },
  });
  const wish = { RoleArn: Role!.Arn!, RoleSessionName: 'work' };
  await lab.stsAs(await dan(), 'AssumeRole', wish);
  await lab.iam('DeleteUserPolicy', { UserName: 'dan', PolicyName: 'allowed' });
  await removeUser('dan');
  const second = await lab.addUser('dan');
  const PolicyDocument = policyOf({ Action: 'sts:AssumeRole' });
  await lab.iam('PutUserPolicy', { UserName: 'dan', PolicyName: 'allowed', PolicyDocument });
  await assert.rejects(lab.stsAs(await second(), 'AssumeRole', wish), denied);
});

test('a name of nobody that a policy of before still has is trusted no more when somebody takes it', async () => {
  const eve = await lab.addUser('eve');
  const RoleArn = await makeRole('older', { Principal: { AWS: arnOf('user/eve') } });
  const principal = await eve();
  const role: RoleTable = {
    ...{ id: 'AROAOLDER', accountId: lab.accountId, name: 'older', path: '/', createdAt: 1 },
    trustPolicy: trustOf({ Principal: { AWS: arnOf('user/eve') } }),
    ...{ description: null, maxSessionSeconds: 3_600, boundaryArn: null, lastUsedAt: null },
  };
  const question = { principal, action: 'sts:AssumeRole', conditions: new Map() };
  assert.equal(mayTakeRole({ ...question, role }), false);
  const trustPolicy = trustOf({ Principal: { AWS: principal.userId } });
  assert.equal(mayTakeRole({ ...question, role: { ...role, trustPolicy } }), true);
  await lab.stsAs(principal, 'AssumeRole', { RoleArn, RoleSessionName: 'work' });
});
