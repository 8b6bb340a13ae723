// The AWS SDK's clients of IAM, STS, EC2 and S3, unchanged, as users and roles of one cloud.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudTrailClient, LookupEventsCommand } from '@aws-sdk/client-cloudtrail';
import { DescribeVolumesCommand, EC2Client, RunInstancesCommand } from '@aws-sdk/client-ec2';
import {
  AttachRolePolicyCommand,
  CreateAccessKeyCommand,
  CreateLoginProfileCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteRoleCommand,
  DetachRolePolicyCommand,
  GetAccessKeyLastUsedCommand,
  GetAccountAuthorizationDetailsCommand,
  GetAccountSummaryCommand,
  GetCredentialReportCommand,
  GetLoginProfileCommand,
  GetRoleCommand,
  IAMClient,
  ListMFADevicesCommand,
  ListUsersCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam';
import {
  CreateBucketCommand,
  GetObjectCommand,
  ListBucketsCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { GetServiceQuotaCommand, ServiceQuotasClient } from '@aws-sdk/client-service-quotas';
import { AssumeRoleCommand, GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { clientOptions } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';

let cloud: CloudUnderTest;
let iam: IAMClient;
let accountId: string;

interface Credentials {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken?: string;
}

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated', flags: ['--no-image'] });
  iam = new IAMClient(clientOptions(cloud));
  const { Account } = await new STSClient(clientOptions(cloud)).send(
    new GetCallerIdentityCommand({}),
  );
  accountId = Account!;
});
after(() => cloud?.[Symbol.asyncDispose]());

function as(credentials: Credentials) {
  const options = { ...clientOptions(cloud), credentials };
  return {
    iam: new IAMClient(options),
    sts: new STSClient(options),
    ec2: new EC2Client(options),
    s3: new S3Client({ ...options, forcePathStyle: true }),
  };
}

async function addUser(UserName: string, ...rules: object[]): Promise<Credentials> {
  await iam.send(new CreateUserCommand({ UserName }));
  await allow(UserName, ...rules);
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }));
  return { accessKeyId: AccessKey!.AccessKeyId!, secretAccessKey: AccessKey!.SecretAccessKey! };
}

async function allow(UserName: string, ...rules: object[]): Promise<void> {
  const Statement = rules.map((rule) => ({ Effect: 'Allow', Resource: '*', ...rule }));
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'own', PolicyDocument }));
}

const refused = (call: Promise<unknown>, name: string, message = /not authorized/) =>
  assert.rejects(call, (error: Error) => {
    assert.equal(error.name, name);
    assert.match(error.message, message);
    return true;
  });

test('a user does in EC2 what its policy says, and is told what is missing', async () => {
  const { ec2 } = as(await addUser('ec2-reader', { Action: 'ec2:Describe*' }));
  await ec2.send(new DescribeVolumesCommand({}));
  const launch = new RunInstancesCommand({ ImageId: 'ami-12345678', MinCount: 1, MaxCount: 1 });
  await refused(ec2.send(launch), 'UnauthorizedOperation', /perform: ec2:RunInstances/);
});

test('a user does in IAM what its policy says, from where it says', async () => {
  const key = await addUser('lister', {
    Action: 'iam:ListUsers',
    Condition: { IpAddress: { 'aws:SourceIp': '127.0.0.0/8' } },
  });
  const client = as(key).iam;
  const { Users } = await client.send(new ListUsersCommand({}));
  assert.ok(Users!.some(({ UserName }) => UserName === 'lister'));
  await refused(client.send(new CreateUserCommand({ UserName: 'x' })), 'AccessDenied');
  const Condition = { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } };
  await allow('lister', { Action: 'iam:ListUsers', Condition });
  await refused(client.send(new ListUsersCommand({})), 'AccessDenied');
  const { AccessKeyLastUsed } = await iam.send(
    new GetAccessKeyLastUsedCommand({ AccessKeyId: key.accessKeyId }),
  );
  assert.equal(AccessKeyLastUsed!.ServiceName, 'iam');
  const { SummaryMap } = await iam.send(new GetAccountSummaryCommand({}));
  assert.ok(SummaryMap!.Users! >= 2);
});

test('Walrus knows the same users, and a denial wins over a bucket that lets them', async () => {
  const root = new S3Client({ ...clientOptions(cloud), forcePathStyle: true });
  await root.send(new CreateBucketCommand({ Bucket: 'shared-bucket' }));
  await root.send(new PutObjectCommand({ Bucket: 'shared-bucket', Key: 'mine/k', Body: 'x' }));
  await root.send(new PutObjectCommand({ Bucket: 'shared-bucket', Key: 'other/k', Body: 'x' }));
  const key = await addUser('mine', {
    Action: 's3:GetObject',
    Resource: 'arn:aws:s3:::shared-bucket/${aws:username}/*',
  });
  const { s3 } = as(key);
  const get = (Key: string) => s3.send(new GetObjectCommand({ Bucket: 'shared-bucket', Key }));
  await get('mine/k');
  await refused(get('other/k'), 'AccessDenied', /Access Denied/);
  await refused(s3.send(new ListBucketsCommand({})), 'AccessDenied', /Access Denied/);
  await allow('mine', { Action: 's3:*' }, { Effect: 'Deny', Action: 's3:GetObject' });
  await refused(get('mine/k'), 'AccessDenied', /denies s3:GetObject/);
});

test('a role’s session speaks for the role in every service, with its token alone', async () => {
  const user = await addUser('taker', { Action: 'sts:AssumeRole' });
  const AssumeRolePolicyDocument = JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', Principal: { AWS: accountId } }],
  });
  const { Role } = await iam.send(
    new CreateRoleCommand({ RoleName: 'admin', AssumeRolePolicyDocument }),
  );
  const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess';
  await iam.send(new AttachRolePolicyCommand({ RoleName: 'admin', PolicyArn }));
  const { Credentials } = await as(user).sts.send(
    new AssumeRoleCommand({ RoleArn: Role!.Arn!, RoleSessionName: 'shift' }),
  );
  const session = {
    accessKeyId: Credentials!.AccessKeyId!,
    secretAccessKey: Credentials!.SecretAccessKey!,
    sessionToken: Credentials!.SessionToken!,
  };
  const { ec2, s3, sts, iam: ownIam } = as(session);
  const { Arn } = await sts.send(new GetCallerIdentityCommand({}));
  assert.equal(Arn, `arn:aws:sts::${accountId}:assumed-role/admin/shift`);
  await ec2.send(new DescribeVolumesCommand({}));
  await s3.send(new ListBucketsCommand({}));
  await ownIam.send(new GetRoleCommand({ RoleName: 'admin' }));
  for (const sessionToken of [undefined, 'x', `${session.sessionToken}x`]) {
    const { sessionToken: _token, ...key } = session;
    const forged = as(sessionToken === undefined ? key : { ...key, sessionToken });
    const call = forged.sts.send(new GetCallerIdentityCommand({}));
    await refused(call, 'InvalidClientTokenId', /security token/);
  }
  await iam.send(new DetachRolePolicyCommand({ RoleName: 'admin', PolicyArn }));
  await iam.send(new DeleteRoleCommand({ RoleName: 'admin' }));
  await refused(s3.send(new ListBucketsCommand({})), 'InvalidAccessKeyId', /access key/i);
});

test('a quota that the administrator sets counts at once, in Walrus too, and is seen by everyone', async () => {
  const ServiceCode = 's3';
  const QuotaCode = 'L-DC2B2D3D';
  const quotas = new ServiceQuotasClient(clientOptions(cloud));
  const value = async () =>
    (await quotas.send(new GetServiceQuotaCommand({ ServiceCode, QuotaCode }))).Quota!.Value;
  const s3 = new S3Client({ ...clientOptions(cloud), forcePathStyle: true });
  const { Buckets } = await s3.send(new ListBucketsCommand({}));
  const most = String(Buckets!.length);
  await cloud.json('quotas', 'set', QuotaCode, most, '--account', accountId);
  assert.equal(await value(), Buckets!.length);
  const full = s3.send(new CreateBucketCommand({ Bucket: 'one-too-many' }));
  await refused(full, 'TooManyBuckets', /more buckets than allowed/);
  const listed = await cloud.json<{ quotas: { code: string; value: number; used?: number }[] }>(
    ...['quotas', '--account', accountId],
  );
  const seen = listed.quotas.find(({ code }) => code === 'L-F678F1CE');
  assert.deepEqual([seen?.value, seen?.used], [500, 1]);
  await cloud.json('quotas', '--account', accountId, 'unset', QuotaCode);
  assert.equal(await value(), 10_000);
  await s3.send(new CreateBucketCommand({ Bucket: 'one-too-many' }));
  await assert.rejects(cloud.json('quotas', 'set', 'L-NONE', '1'), /There is no quota L-NONE/);
});

test('what users did is looked up with CloudTrail’s client, refused calls too', async () => {
  const { iam: ofEve } = as(await addUser('eve', { Action: 'ec2:DescribeVolumes' }));
  await refused(ofEve.send(new ListUsersCommand({})), 'AccessDenied');
  const trail = new CloudTrailClient(clientOptions(cloud));
  const LookupAttributes = [{ AttributeKey: 'Username' as const, AttributeValue: 'eve' }];
  const find = async () => {
    const { Events } = await trail.send(new LookupEventsCommand({ LookupAttributes }));
    return Events!.find(({ EventName }) => EventName === 'ListUsers');
  };
  // Two a second may be asked for.
  const event = await eventually('the refused call', find, { intervalMs: 1_000 });
  assert.equal(JSON.parse(event.CloudTrailEvent!).errorCode, 'AccessDenied');
  const listed = await cloud.json<{ requestID: string }[]>('events');
  const { requestID } = JSON.parse(event.CloudTrailEvent!);
  assert.ok(listed.some((one) => one.requestID === requestID));
});

test('AWS’s client reads what auditors ask for, and is told what nobody can have', async () => {
  const UserName = 'fay';
  const { accessKeyId } = await addUser(UserName, { Action: 'ec2:DescribeVolumes' });
  const { Content } = await iam.send(new GetCredentialReportCommand({}));
  const report = Buffer.from(Content!).toString('utf8');
  assert.match(report, new RegExp(`^fay,arn:aws:iam::${accountId}:user/fay,`, 'm'));
  assert.ok(!report.includes(accessKeyId));
  const Filter = ['User' as const];
  const details = await iam.send(new GetAccountAuthorizationDetailsCommand({ Filter }));
  const fay = details.UserDetailList!.find((user) => user.UserName === UserName);
  assert.equal(fay!.UserPolicyList![0]!.PolicyName, 'own');
  const { MFADevices } = await iam.send(new ListMFADevicesCommand({ UserName }));
  assert.deepEqual(MFADevices, []);
  await refused(iam.send(new GetLoginProfileCommand({ UserName })), 'NoSuchEntityException', /fay/);
  const profile = new CreateLoginProfileCommand({ UserName, Password: 'Canary-5d1f0a!' });
  await refused(iam.send(profile), 'UnsupportedOperation', /CreateLoginProfile/);
});
