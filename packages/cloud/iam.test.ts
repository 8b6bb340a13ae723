// Owns the tests of IAM and STS through the Cloud Controller's actions.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { IamLab, policyOf, trustOf } from './testing/iam-lab.ts';

let lab: IamLab;

before(async () => {
  lab = await IamLab.start();
});
after(() => lab?.[Symbol.asyncDispose]());

const denied = { kind: 'not-authorized' };
const describe = (principal: Principal) => lab.cloud.callAs(principal, 'DescribeVolumes', {});
const makeVolume = (principal: Principal, more: object = {}) =>
  lab.cloud.callAs(principal, 'CreateVolume', { AvailabilityZone: 'us-east-1a', Size: 1, ...more });

test('a user comes, is renamed with its keys, and goes once nothing is left of it', async () => {
  const { User } = await lab.iam('CreateUser', { UserName: 'ann', Path: '/staff/' });
  assert.equal(User!.Arn, `arn:aws:iam::${lab.accountId}:user/staff/ann`);
  await assert.rejects(lab.iam('CreateUser', { UserName: 'ANN' }), { kind: 'duplicate' });
  await assert.rejects(lab.iam('CreateUser', { UserName: 'a/b' }), { kind: 'invalid-parameter' });
  await assert.rejects(lab.iam('CreateUser', { UserName: 'x', Path: 'x' }), {
    kind: 'invalid-parameter',
  });
  const { AccessKey } = await lab.iam('CreateAccessKey', { UserName: 'ann' });
  await lab.iam('CreateAccessKey', { UserName: 'ann' });
  await assert.rejects(lab.iam('CreateAccessKey', { UserName: 'ann' }), { kind: 'limit-exceeded' });
  await lab.iam('UpdateUser', { UserName: 'ann', NewUserName: 'anna', NewPath: '/' });
  const { arn } = await lab.principalOf(AccessKey!.AccessKeyId!);
  assert.equal(arn, `arn:aws:iam::${lab.accountId}:user/anna`);
  await assert.rejects(lab.iam('GetUser', { UserName: 'ann' }), { kind: 'not-found' });
  await assert.rejects(lab.iam('DeleteUser', { UserName: 'anna' }), { kind: 'in-use' });
  const { AccessKeyMetadata } = await lab.iam('ListAccessKeys', { UserName: 'anna' });
  for (const { AccessKeyId } of AccessKeyMetadata!) {
    await lab.iam('DeleteAccessKey', { UserName: 'anna', AccessKeyId: AccessKeyId! });
  }
  await lab.iam('DeleteUser', { UserName: 'anna' });
  await assert.rejects(lab.principalOf(AccessKey!.AccessKeyId!), /nobody has the key/);
});

test('no user has a password, an MFA device or a certificate, and whoever asks is told so', async () => {
  await lab.iam('CreateUser', { UserName: 'keys-only' });
  const of = { UserName: 'keys-only' };
  for (const action of ['GetLoginProfile', 'DeleteLoginProfile'] as const) {
    await assert.rejects(lab.iam(action, of), /Login Profile for User keys-only cannot be found/);
  }
  assert.deepEqual((await lab.iam('ListMFADevices', of)).MFADevices, []);
  assert.deepEqual((await lab.iam('ListSSHPublicKeys', of)).SSHPublicKeys, []);
  assert.deepEqual((await lab.iam('ListSigningCertificates', of)).Certificates, []);
  const { ServiceSpecificCredentials } = await lab.iam('ListServiceSpecificCredentials', of);
  assert.deepEqual(ServiceSpecificCredentials, []);
  assert.deepEqual((await lab.iam('ListVirtualMFADevices', {})).VirtualMFADevices, []);
  const none = { UserName: 'nobody' };
  await assert.rejects(lab.iam('ListMFADevices', none), { kind: 'not-found' });
  await assert.rejects(lab.iam('GetLoginProfile', none), /The user with name nobody/);
  await lab.iam('DeleteUser', of);
});

test('the users of the administrator are those of IAM', async () => {
  await lab.cloud.cloud.accounts.addUser({ account: 'main', name: 'made-by-admin' });
  const { User } = await lab.iam('GetUser', { UserName: 'made-by-admin' });
  assert.equal(User!.Path, '/');
  await lab.iam('CreateUser', { UserName: 'made-by-iam' });
  const listed = await lab.cloud.cloud.accounts.listUsers();
  assert.ok(listed.some(({ user }) => user === 'made-by-iam'));
  await lab.cloud.cloud.accounts.removeUser({ account: 'main', name: 'made-by-iam' });
  await assert.rejects(lab.iam('GetUser', { UserName: 'made-by-iam' }), { kind: 'not-found' });
});

test('lists come in pages, below a path', async () => {
  for (const name of ['p1', 'p2', 'p3']) {
    await lab.iam('CreateUser', { UserName: name, Path: '/pages/' });
  }
  const first = await lab.iam('ListUsers', { PathPrefix: '/pages/', MaxItems: 2 });
  assert.deepEqual([first.Users!.length, first.IsTruncated], [2, true]);
  const rest = await lab.iam('ListUsers', { PathPrefix: '/pages/', Marker: first.Marker! });
  assert.deepEqual(
    rest.Users!.map((one) => one.UserName),
    ['p3'],
  );
  assert.equal(rest.IsTruncated, false);
});

test('a user may do nothing, then what its policy says, then what its groups say too', async () => {
  const bob = await lab.addUser('bob');
  await assert.rejects(describe(await bob()), denied);
  await lab.allow('bob', { Action: 'ec2:DescribeVolumes' });
  await describe(await bob());
  await assert.rejects(makeVolume(await bob()), denied);
  await lab.iam('CreateGroup', { GroupName: 'makers' });
  const { Policy } = await lab.iam('CreatePolicy', {
    PolicyName: 'make',
    PolicyDocument: policyOf({ Action: 'ec2:CreateVolume' }),
  });
  await lab.iam('AttachGroupPolicy', { GroupName: 'makers', PolicyArn: Policy!.Arn! });
  await lab.iam('AddUserToGroup', { GroupName: 'makers', UserName: 'bob' });
  await makeVolume(await bob());
  // A denial wins over all of it.
  const PolicyDocument = policyOf({ Effect: 'Deny', Action: 'ec2:Create*' });
  await lab.iam('PutGroupPolicy', { GroupName: 'makers', PolicyName: 'no', PolicyDocument });
  await assert.rejects(makeVolume(await bob()), /with an explicit deny/);
  await lab.iam('DeleteGroupPolicy', { GroupName: 'makers', PolicyName: 'no' });
  await lab.iam('RemoveUserFromGroup', { GroupName: 'makers', UserName: 'bob' });
  await assert.rejects(makeVolume(await bob()), denied);
});

test('a boundary bounds what policies allow', async () => {
  const cy = await lab.addUser('cy');
  await lab.allow('cy', { Action: '*' });
  const { Policy } = await lab.iam('CreatePolicy', {
    PolicyName: 'only-volumes',
    PolicyDocument: policyOf({ Action: 'ec2:*Volume*' }),
  });
  const bound = { UserName: 'cy', PermissionsBoundary: Policy!.Arn! };
  await lab.iam('PutUserPermissionsBoundary', bound);
  await describe(await cy());
  const message = /no permissions boundary allows the iam:ListUsers action/;
  await assert.rejects(lab.iamAs(await cy(), 'ListUsers', {}), message);
  await assert.rejects(lab.iam('DeletePolicy', { PolicyArn: Policy!.Arn! }), { kind: 'in-use' });
  await lab.iam('DeleteUserPermissionsBoundary', { UserName: 'cy' });
  await lab.iamAs(await cy(), 'ListUsers', {});
});

test('resources count by their ARNs and tags, requests by theirs', async () => {
  const dee = await lab.addUser('dee');
  const tags = (team: string) => ({
    TagSpecifications: [{ ResourceType: 'volume', Tags: [{ Key: 'team', Value: team }] }],
  });
  const { VolumeId: red } = await makeVolume(lab.root, tags('red'));
  const { VolumeId: blue } = await makeVolume(lab.root, tags('blue'));
  await lab.cloud.settleVolume(red!, 'available');
  await lab.allow(
    'dee',
    { Action: 'ec2:DeleteVolume', Condition: { StringEquals: { 'ec2:ResourceTag/team': 'red' } } },
    { Action: 'ec2:CreateVolume', Condition: { StringEquals: { 'aws:RequestTag/team': 'red' } } },
    {
      Action: 'ec2:CreateTags',
      Condition: { StringEquals: { 'ec2:CreateAction': 'CreateVolume' } },
    },
    {
      Action: 'ec2:CreateSnapshot',
      Resource: [`arn:aws:ec2:*:*:volume/${red}`, 'arn:aws:ec2:*::snapshot/*'],
    },
  );
  await assert.rejects(lab.cloud.callAs(await dee(), 'DeleteVolume', { VolumeId: blue! }), denied);
  await assert.rejects(makeVolume(await dee(), tags('blue')), denied);
  await assert.rejects(makeVolume(await dee()), denied);
  await makeVolume(await dee(), tags('red'));
  const snapshot = { VolumeId: blue! };
  await assert.rejects(lab.cloud.callAs(await dee(), 'CreateSnapshot', snapshot), /volume\/vol-/);
  await lab.cloud.callAs(await dee(), 'CreateSnapshot', { VolumeId: red! });
  const tagging = { Resources: [red!], Tags: [{ Key: 'team', Value: 'blue' }] };
  await assert.rejects(lab.cloud.callAs(await dee(), 'CreateTags', tagging), denied);
  await lab.cloud.callAs(await dee(), 'DeleteVolume', { VolumeId: red! });
});

test('policies have versions, of which one counts', async () => {
  const eve = await lab.addUser('eve');
  const { Policy } = await lab.iam('CreatePolicy', {
    PolicyName: 'versions',
    PolicyDocument: policyOf({ Action: 'ec2:DescribeVolumes' }),
  });
  const PolicyArn = Policy!.Arn!;
  await lab.iam('AttachUserPolicy', { UserName: 'eve', PolicyArn });
  await describe(await eve());
  const PolicyDocument = policyOf({ Action: 'ec2:DescribeVpcs' });
  await lab.iam('CreatePolicyVersion', { PolicyArn, PolicyDocument, SetAsDefault: true });
  await assert.rejects(describe(await eve()), denied);
  await lab.iam('SetDefaultPolicyVersion', { PolicyArn, VersionId: 'v1' });
  await describe(await eve());
  await assert.rejects(lab.iam('DeletePolicyVersion', { PolicyArn, VersionId: 'v1' }), {
    kind: 'in-use',
  });
  for (let version = 3; version <= 5; version++) {
    await lab.iam('CreatePolicyVersion', { PolicyArn, PolicyDocument });
  }
  await assert.rejects(lab.iam('CreatePolicyVersion', { PolicyArn, PolicyDocument }), {
    kind: 'limit-exceeded',
  });
  const { Versions } = await lab.iam('ListPolicyVersions', { PolicyArn });
  assert.deepEqual(
    Versions!.map(({ VersionId }) => VersionId),
    ['v5', 'v4', 'v3', 'v2', 'v1'],
  );
  const { PolicyUsers } = await lab.iam('ListEntitiesForPolicy', { PolicyArn });
  assert.deepEqual(
    PolicyUsers!.map(({ UserName }) => UserName),
    ['eve'],
  );
  await assert.rejects(lab.iam('DeletePolicy', { PolicyArn }), { kind: 'in-use' });
});

test('a role is taken by whom it trusts, with the external id, for as long as it lets', async () => {
  const fay = await lab.addUser('fay');
  const { Role } = await lab.iam('CreateRole', {
    RoleName: 'reader',
    AssumeRolePolicyDocument: trustOf({
      Principal: { AWS: lab.accountId },
      Condition: { StringEquals: { 'sts:ExternalId': 'secret' } },
    }),
  });
  const PolicyArn = 'arn:aws:iam::aws:policy/AmazonEC2ReadOnlyAccess';
  await lab.iam('AttachRolePolicy', { RoleName: 'reader', PolicyArn });
  const wish = { RoleArn: Role!.Arn!, RoleSessionName: 'work', ExternalId: 'secret' };
  // The role trusts the account, and the account does not let this user.
  await assert.rejects(lab.stsAs(await fay(), 'AssumeRole', wish), denied);
  await lab.allow('fay', { Action: 'sts:AssumeRole', Resource: Role!.Arn! });
  await assert.rejects(lab.stsAs(await fay(), 'AssumeRole', { ...wish, ExternalId: 'x' }), denied);
  await assert.rejects(lab.stsAs(lab.root, 'AssumeRole', wish), denied);
  const long = { ...wish, DurationSeconds: 7_200 };
  await assert.rejects(lab.stsAs(await fay(), 'AssumeRole', long), { kind: 'invalid-parameter' });
  const { Credentials } = await lab.stsAs(await fay(), 'AssumeRole', wish);
  const session = () => lab.principalOf(Credentials!.AccessKeyId!);
  assert.equal((await session()).arn, `arn:aws:sts::${lab.accountId}:assumed-role/reader/work`);
  await describe(await session());
  await assert.rejects(makeVolume(await session()), denied);
  // What the role loses its sessions lose at once.
  await lab.iam('DetachRolePolicy', { RoleName: 'reader', PolicyArn });
  await assert.rejects(describe(await session()), denied);
  await lab.iam('DeleteRole', { RoleName: 'reader' });
  await assert.rejects(session(), /nobody has the key/);
});

test('a session has no more than it was narrowed to', async () => {
  const gil = await lab.addUser('gil');
  const { Role } = await lab.iam('CreateRole', {
    RoleName: 'maker',
    AssumeRolePolicyDocument: trustOf({
      Principal: { AWS: `arn:aws:iam::${lab.accountId}:user/gil` },
    }),
  });
  const PolicyDocument = policyOf({ Action: 'ec2:*' });
  await lab.iam('PutRolePolicy', { RoleName: 'maker', PolicyName: 'all', PolicyDocument });
  const wish = { RoleArn: Role!.Arn!, RoleSessionName: 'narrow' };
  const Policy = policyOf({ Action: ['ec2:Describe*', 'iam:*'] });
  const { Credentials } = await lab.stsAs(await gil(), 'AssumeRole', { ...wish, Policy });
  const session = await lab.principalOf(Credentials!.AccessKeyId!);
  await describe(session);
  await assert.rejects(makeVolume(session), /no session policy allows the ec2:CreateVolume action/);
  await assert.rejects(lab.iamAs(session, 'ListUsers', {}), /no identity-based policy allows/);
});

test('a session of one’s own has one’s rights, and none over IAM', async () => {
  const hal = await lab.addUser('hal');
  await lab.allow('hal', { Action: ['ec2:Describe*', 'iam:*', 'sts:*'] });
  const { Credentials } = await lab.stsAs(await hal(), 'GetSessionToken', {});
  const session = await lab.principalOf(Credentials!.AccessKeyId!);
  await describe(session);
  await assert.rejects(lab.iamAs(session, 'ListUsers', {}), /session credentials/);
  await assert.rejects(lab.stsAs(session, 'GetSessionToken', {}), /session credentials/);
  const { Arn } = await lab.stsAs(session, 'GetCallerIdentity', {});
  assert.equal(Arn, `arn:aws:iam::${lab.accountId}:user/hal`);
  const { Account } = await lab.stsAs(lab.root, 'GetAccessKeyInfo', {
    AccessKeyId: Credentials!.AccessKeyId!,
  });
  assert.equal(Account, lab.accountId);
});

test('why a call was refused can be decoded by its own account alone', async () => {
  const ira = await lab.addUser('ira');
  await lab.allow('ira', { Effect: 'Deny', Action: 'ec2:DescribeVolumes' });
  const refusal = await describe(await ira()).catch((error: Error) => error.message);
  const [, EncodedMessage = ''] = /Encoded authorization failure message: (\S+)/.exec(
    `${refusal}`,
  )!;
  const decode = (principal: Principal, message = EncodedMessage) =>
    lab.stsAs(principal, 'DecodeAuthorizationMessage', { EncodedMessage: message });
  const { DecodedMessage } = await decode(lab.root);
  const decoded = JSON.parse(DecodedMessage!);
  assert.equal(decoded.explicitDeny, true);
  assert.equal(decoded.context.action, 'ec2:DescribeVolumes');
  const other = await lab.cloud.addAccount('decoder');
  await assert.rejects(decode(other), { kind: 'malformed-input' });
  await assert.rejects(decode(lab.root, `A${EncodedMessage.slice(1)}`), {
    kind: 'malformed-input',
  });
});

test('what is simulated is what is decided', async () => {
  const jo = await lab.addUser('jo');
  await lab.allow(
    'jo',
    { Action: 'ec2:DescribeVolumes' },
    { Effect: 'Deny', Action: 'ec2:Delete*' },
  );
  const { EvaluationResults } = await lab.iam('SimulatePrincipalPolicy', {
    PolicySourceArn: (await jo()).arn,
    ActionNames: ['ec2:DescribeVolumes', 'ec2:DeleteVolume', 'ec2:RunInstances'],
  });
  assert.deepEqual(
    EvaluationResults!.map(({ EvalDecision }) => EvalDecision),
    ['allowed', 'explicitDeny', 'implicitDeny'],
  );
  const custom = await lab.iam('SimulateCustomPolicy', {
    PolicyInputList: [
      policyOf({ Action: '*', Condition: { StringEquals: { 'aws:RequestTag/a': 'b' } } }),
    ],
    ActionNames: ['ec2:RunInstances'],
    ContextEntries: [{ ContextKeyName: 'aws:RequestTag/a', ContextKeyValues: ['b'] }],
  });
  assert.equal(custom.EvaluationResults![0]!.EvalDecision, 'allowed');
});

test('an account has one alias, which no other has, and a summary that counts', async () => {
  await lab.iam('CreateAccountAlias', { AccountAlias: 'our-cloud' });
  const { AccountAliases } = await lab.iam('ListAccountAliases', {});
  assert.deepEqual(AccountAliases, ['our-cloud']);
  const other = await lab.cloud.addAccount('aliased');
  const taken = lab.iamAs(other, 'CreateAccountAlias', { AccountAlias: 'our-cloud' });
  await assert.rejects(taken, { kind: 'duplicate' });
  const { SummaryMap } = await lab.iamAs(other, 'GetAccountSummary', {});
  assert.equal(SummaryMap!['Users'], 0);
  await lab.iamAs(other, 'CreateUser', { UserName: 'only' });
  assert.equal((await lab.iamAs(other, 'GetAccountSummary', {})).SummaryMap!['Users'], 1);
});

test('a profile carries one role, and neither goes while the other needs it', async () => {
  const trust = {
    AssumeRolePolicyDocument: trustOf({ Principal: { Service: 'ec2.amazonaws.com' } }),
  };
  await lab.iam('CreateRole', { RoleName: 'guest', ...trust });
  await lab.iam('CreateRole', { RoleName: 'guest-2', ...trust });
  await lab.iam('CreateInstanceProfile', { InstanceProfileName: 'guests' });
  const link = { InstanceProfileName: 'guests', RoleName: 'guest' };
  await lab.iam('AddRoleToInstanceProfile', link);
  await assert.rejects(lab.iam('AddRoleToInstanceProfile', { ...link, RoleName: 'guest-2' }), {
    kind: 'limit-exceeded',
  });
  const { InstanceProfiles } = await lab.iam('ListInstanceProfilesForRole', { RoleName: 'guest' });
  assert.equal(InstanceProfiles![0]!.Roles![0]!.RoleName, 'guest');
  await assert.rejects(lab.iam('DeleteRole', { RoleName: 'guest' }), { kind: 'in-use' });
  await assert.rejects(lab.iam('DeleteInstanceProfile', { InstanceProfileName: 'guests' }), {
    kind: 'in-use',
  });
  await lab.iam('RemoveRoleFromInstanceProfile', link);
  await lab.iam('DeleteInstanceProfile', { InstanceProfileName: 'guests' });
});

test('another account’s entities are not there', async () => {
  const other = await lab.cloud.addAccount('stranger');
  await lab.iam('CreateUser', { UserName: 'hidden' });
  await assert.rejects(lab.iamAs(other, 'GetUser', { UserName: 'hidden' }), { kind: 'not-found' });
  const { Policy } = await lab.iam('CreatePolicy', {
    PolicyName: 'hidden',
    PolicyDocument: policyOf({ Action: '*' }),
  });
  const PolicyArn = Policy!.Arn!;
  await assert.rejects(lab.iamAs(other, 'GetPolicy', { PolicyArn }), { kind: 'not-found' });
  await lab.iamAs(other, 'CreateUser', { UserName: 'theirs' });
  const attach = { UserName: 'theirs', PolicyArn };
  await assert.rejects(lab.iamAs(other, 'AttachUserPolicy', attach), { kind: 'not-found' });
});
