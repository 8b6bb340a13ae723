// Owns the tests of what auditors and tools that remove users read: everything at once, the report, what nobody has.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { IamAction, IamInput } from '@ironbark/protocol/iam/types.ts';
import { IamLab, policyOf, trustOf } from './testing/iam-lab.ts';

let lab: IamLab;
const READ_ONLY = 'arn:aws:iam::aws:policy/ReadOnlyAccess';

before(async () => {
  lab = await IamLab.start();
  await lab.addUser('ann');
  await lab.allow('ann', { Action: 'ec2:*' });
  await lab.iam('CreateGroup', { GroupName: 'staff' });
  await lab.iam('AddUserToGroup', { GroupName: 'staff', UserName: 'ann' });
  await lab.iam('AttachGroupPolicy', { GroupName: 'staff', PolicyArn: READ_ONLY });
  const PolicyDocument = policyOf({ Action: 's3:*' });
  const own = { PolicyName: 'own', PolicyDocument };
  const PolicyArn = (await lab.iam('CreatePolicy', own)).Policy!.Arn!;
  const AssumeRolePolicyDocument = trustOf({ Principal: { Service: 'ec2.amazonaws.com' } });
  await lab.iam('CreateRole', { RoleName: 'guest', AssumeRolePolicyDocument });
  await lab.iam('AttachRolePolicy', { RoleName: 'guest', PolicyArn });
  await lab.iam('CreateInstanceProfile', { InstanceProfileName: 'guests' });
  const link = { InstanceProfileName: 'guests', RoleName: 'guest' };
  await lab.iam('AddRoleToInstanceProfile', link);
});
after(() => lab?.[Symbol.asyncDispose]());

test('GetAccountAuthorizationDetails has everything of the account, filtered and by pages', async () => {
  const all = await lab.iam('GetAccountAuthorizationDetails', {});
  const [ann] = all.UserDetailList!;
  assert.deepEqual(ann!.GroupList, ['staff']);
  const [inline] = ann!.UserPolicyList!;
  assert.deepEqual(
    JSON.parse(decodeURIComponent(inline!.PolicyDocument!)).Statement[0].Action,
    'ec2:*',
  );
  const [staff] = all.GroupDetailList!;
  assert.deepEqual(staff!.AttachedManagedPolicies, [
    { PolicyName: 'ReadOnlyAccess', PolicyArn: READ_ONLY },
  ]);
  const [guest] = all.RoleDetailList!;
  assert.equal(guest!.InstanceProfileList![0]!.InstanceProfileName, 'guests');
  assert.equal(guest!.AttachedManagedPolicies![0]!.PolicyName, 'own');
  const names = all.Policies!.map(({ PolicyName }) => PolicyName);
  assert.deepEqual(names, ['ReadOnlyAccess', 'own']);
  assert.ok(all.Policies!.every(({ PolicyVersionList }) => PolicyVersionList![0]!.Document));
  const Filter = ['Role' as const, 'LocalManagedPolicy' as const];
  const some = await lab.iam('GetAccountAuthorizationDetails', { Filter });
  assert.equal(some.UserDetailList!.length + some.GroupDetailList!.length, 0);
  assert.equal(some.RoleDetailList!.length + some.Policies!.length, 2);
  let pages = 0;
  let found = 0;
  for (let Marker: string | undefined, more = true; more; pages++) {
    const page = await lab.iam('GetAccountAuthorizationDetails', { MaxItems: 2, Marker });
    const { UserDetailList = [], GroupDetailList = [], RoleDetailList = [], Policies = [] } = page;
    found += [UserDetailList, GroupDetailList, RoleDetailList, Policies].flat().length;
    Marker = page.Marker;
    more = page.IsTruncated === true;
  }
  assert.deepEqual([pages, found], [3, 5]);
  const other = await lab.cloud.addAccount('empty');
  const none = await lab.iamAs(other, 'GetAccountAuthorizationDetails', {});
  assert.deepEqual([none.UserDetailList, none.Policies], [[], []]);
});

test('the credential report has a line for the root and for each user, with their keys', async () => {
  assert.equal((await lab.iam('GenerateCredentialReport', {})).State, 'COMPLETE');
  const { Content } = await lab.iam('GetCredentialReport', {});
  const lines = Buffer.from(Content!).toString('utf8').trimEnd().split('\n');
  const [columns = [], ...rows] = lines.map((line) => line.split(','));
  assert.equal(columns.length, 22);
  assert.ok(rows.every((row) => row.length === columns.length));
  const [root, ann] = rows.map((row) => Object.fromEntries(columns.map((c, at) => [c, row[at]])));
  assert.deepEqual(
    [root!['user'], root!['mfa_active'], root!['access_key_1_active']],
    ['<root_account>', 'false', 'true'],
  );
  assert.deepEqual(
    [ann!['user'], ann!['password_enabled'], ann!['access_key_1_active']],
    ['ann', 'false', 'true'],
  );
  assert.equal(ann!['access_key_2_active'], 'false');
  assert.match(ann!['access_key_1_last_rotated']!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00$/);
});

test('what nobody can have there is none of, and whoever asks of a user learns whether he is there', async () => {
  const rows: [IamAction, string][] = [
    ['ListMFADevices', 'MFADevices'],
    ['ListSigningCertificates', 'Certificates'],
    ['ListSSHPublicKeys', 'SSHPublicKeys'],
    ['ListServiceSpecificCredentials', 'ServiceSpecificCredentials'],
    ['ListVirtualMFADevices', 'VirtualMFADevices'],
    ['ListServerCertificates', 'ServerCertificateMetadataList'],
    ['ListOpenIDConnectProviders', 'OpenIDConnectProviderList'],
    ['ListSAMLProviders', 'SAMLProviderList'],
  ];
  const ofUsers = 4;
  for (const [at, [action, member]] of rows.entries()) {
    const input = at < ofUsers ? { UserName: 'ann' } : {};
    const answer = await lab.iam(action, input as Partial<IamInput<IamAction>>);
    assert.deepEqual((answer as Record<string, unknown>)[member], [], action);
  }
  const absent = { kind: 'not-found' };
  for (const [action] of rows.slice(0, ofUsers)) {
    const input = { UserName: 'nobody' } as Partial<IamInput<IamAction>>;
    await assert.rejects(lab.iam(action, input), absent, action);
  }
  await assert.rejects(
    lab.iam('GetLoginProfile', { UserName: 'ann' }),
    /Login Profile for User ann/,
  );
  await assert.rejects(lab.iam('DeleteLoginProfile', { UserName: 'ann' }), absent);
  await assert.rejects(lab.iam('GetAccountPasswordPolicy', {}), /with domain name \d{12} cannot/);
  await assert.rejects(lab.iam('DeleteAccountPasswordPolicy', {}), absent);
  await assert.rejects(lab.iam('GetMFADevice', { SerialNumber: 'arn:aws:iam::1:mfa/x' }), absent);
  await assert.rejects(lab.iam('ListMFADevices', { Marker: 'x' }), { kind: 'invalid-parameter' });
  const { SummaryMap } = await lab.iam('GetAccountSummary', {});
  assert.deepEqual([SummaryMap!['MFADevices'], SummaryMap!['AccountPasswordPresent']], [0, 0]);
});

test('users may ask about themselves where they are allowed', async () => {
  const bea = await lab.addUser('bea');
  const Resource = `arn:aws:iam::${lab.accountId}:user/\${aws:username}`;
  await lab.allow('bea', { Action: ['iam:ListMFADevices', 'iam:GetLoginProfile'], Resource });
  assert.deepEqual((await lab.iamAs(await bea(), 'ListMFADevices', {})).MFADevices, []);
  const denied = { kind: 'not-authorized' };
  const ofAnn = { UserName: 'ann' };
  await assert.rejects(lab.iamAs(await bea(), 'ListMFADevices', ofAnn), denied);
  await assert.rejects(lab.iamAs(await bea(), 'GetLoginProfile', ofAnn), denied);
  await assert.rejects(lab.iamAs(await bea(), 'GetLoginProfile', {}), { kind: 'not-found' });
  await assert.rejects(lab.iamAs(await bea(), 'GetCredentialReport', {}), denied);
});
