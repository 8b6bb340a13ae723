// Owns the tests of quotas: what an administrator sets counts at once, is refused in EC2's words, and everyone sees it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  GetAWSDefaultServiceQuotaCommand,
  GetServiceQuotaCommand,
  ListServiceQuotasCommand,
  ListServicesCommand,
  paginateListAWSDefaultServiceQuotas,
  RequestServiceQuotaIncreaseCommand,
  ServiceQuotasClient,
} from '@aws-sdk/client-service-quotas';
import type { ErrorResource } from '@ironbark/core/errors.ts';
import { EC2_ERRORS } from '@ironbark/protocol/ec2/errors.ts';
import { chooseWireError } from '@ironbark/protocol/query/wire-errors.ts';
import { makeSnapshot, register } from './testing/ebs-lab.ts';
import { JsonLab } from './testing/json-lab.ts';
import type { TestCloud } from './testing/test-cloud.ts';

let lab: JsonLab;
let cloud: TestCloud;
let image: string;

before(async () => {
  lab = await JsonLab.start();
  cloud = lab.lab.cloud;
  image = await cloud.registerImage();
});
after(() => lab?.[Symbol.asyncDispose]());

const VCPUS = 'L-1216C47A';
const ZONE = 'us-east-1a';

/** So much and no more while `work` goes on. */
async function within(code: string, value: number, work: () => Promise<void>): Promise<void> {
  const account = cloud.cloud.accountId;
  await cloud.cloud.quotas.setQuota({ code, value, account });
  await work();
  // The cloud may have been started again.
  await cloud.cloud.quotas.unsetQuota({ code, account });
}

async function used(code: string): Promise<number> {
  const { quotas, accountId: account } = cloud.cloud;
  return (await quotas.listQuotas({ account })).find((one) => one.code === code)!.used!;
}

/** By EC2's name of the error. */
async function refuses(code: string, call: Promise<unknown>): Promise<void> {
  await assert.rejects(call, (error: { resource: ErrorResource }) => {
    assert.equal(chooseWireError(EC2_ERRORS, error).code, code);
    return true;
  });
}

const launch = (MinCount: number, MaxCount = MinCount) =>
  cloud.call('RunInstances', { ImageId: image, InstanceType: 't3.micro', MinCount, MaxCount });

test('no more virtual processors run than the quota lets, and those that stop or end make room', async () => {
  await within(VCPUS, 5, async () => {
    await refuses('VcpuLimitExceeded', launch(3));
    // As many as fit, down to the least that is asked for; nothing of the other one is left.
    const { Instances } = await launch(1, 3);
    assert.equal(Instances!.length, 2);
    assert.equal(await used(VCPUS), 4);
    await refuses('VcpuLimitExceeded', launch(1));
    const [first, second] = Instances!.map(({ InstanceId }) => InstanceId!);
    await cloud.settleState(first!, 'running');
    await cloud.call('StopInstances', { InstanceIds: [first!] });
    await cloud.settleState(first!, 'stopped');
    assert.equal(await used(VCPUS), 2);
    const third = (await launch(1)).Instances![0]!.InstanceId!;
    await refuses('VcpuLimitExceeded', cloud.call('StartInstances', { InstanceIds: [first!] }));
    await cloud.call('TerminateInstances', { InstanceIds: [second!] });
    await cloud.call('StartInstances', { InstanceIds: [first!] });
    assert.equal(await used(VCPUS), 4);
    await cloud.restart();
    assert.equal(await used(VCPUS), 4);
    await cloud.call('TerminateInstances', { InstanceIds: [first!, third] });
    assert.equal(await used(VCPUS), 0);
  });
});

test('volumes are counted and added up by their type', async () => {
  const make = (Size: number, VolumeType: 'gp3' | 'gp2' = 'gp3') =>
    cloud.call('CreateVolume', { AvailabilityZone: ZONE, Size, VolumeType });
  await within('L-7A658B76', 0.01, async () => {
    await refuses('VolumeLimitExceeded', make(11));
    const { VolumeId } = await make(8);
    await refuses('VolumeLimitExceeded', make(3));
    await cloud.settleVolume(VolumeId!, 'available');
    const grow = (Size: number) => cloud.call('ModifyVolume', { VolumeId: VolumeId!, Size });
    await refuses('VolumeLimitExceeded', grow(11));
    const other = await make(3, 'gp2');
    await cloud.settleVolume(other.VolumeId!, 'available');
    const change = { VolumeId: other.VolumeId!, VolumeType: 'gp3' as const };
    await refuses('VolumeLimitExceeded', cloud.call('ModifyVolume', change));
    await within('IB-VOLUMES', 2, async () => {
      await refuses('VolumeLimitExceeded', make(1));
      await cloud.call('DeleteVolume', { VolumeId: other.VolumeId! });
      await cloud.call('DeleteVolume', { VolumeId: (await make(1)).VolumeId! }).catch(() => {});
    });
    await cloud.call('DeleteVolume', { VolumeId: VolumeId! });
  });
  const { Volumes } = await cloud.call('DescribeVolumes', {});
  for (const { VolumeId } of Volumes!) {
    await cloud.settle(`${VolumeId} can go`, () =>
      cloud.call('DeleteVolume', { VolumeId: VolumeId! }).then(
        () => true,
        (error: { kind: string }) => error.kind === 'not-found',
      ),
    );
  }
  await cloud.settle('no volumes', () => cloud.storage.listVolumeIds().length === 0);
});

test('snapshots and images end at their quotas', async () => {
  const snapshot = await makeSnapshot(cloud);
  await within('L-309BACF6', 1, async () => {
    const copy = { SourceSnapshotId: snapshot, SourceRegion: 'us-east-1' };
    await refuses('SnapshotLimitExceeded', cloud.call('CopySnapshot', copy));
  });
  await within('L-B665C33B', 1, () => refuses('AMIQuotaExceeded', register(cloud, snapshot)));
});

test('networks, addresses and keys end at their quotas', async () => {
  const { Subnets } = await cloud.call('DescribeSubnets', {});
  const SubnetId = Subnets![0]!.SubnetId!;
  const group = (GroupName: string) =>
    cloud.call('CreateSecurityGroup', { GroupName, Description: 'd' });
  const rows: [code: string, error: string, make: () => Promise<unknown>][] = [
    ['L-0263D0A3', 'AddressLimitExceeded', () => cloud.call('AllocateAddress', {})],
    ['L-F678F1CE', 'VpcLimitExceeded', () => cloud.call('CreateVpc', { CidrBlock: '10.1.0.0/16' })],
    ['L-E79EC296', 'SecurityGroupLimitExceeded', () => group(`of-${Math.random()}`)],
    [
      ...(['L-DF5E4CA3', 'NetworkInterfaceLimitExceeded'] as const),
      () => cloud.call('CreateNetworkInterface', { SubnetId }),
    ],
    ['L-A4707A72', 'InternetGatewayLimitExceeded', () => cloud.call('CreateInternetGateway', {})],
    [
      ...(['IB-KEY-PAIRS', 'KeyPairLimitExceeded'] as const),
      () => cloud.call('CreateKeyPair', { KeyName: `of-${Math.random()}`, KeyType: 'ed25519' }),
    ],
  ];
  for (const [code, error, make] of rows) {
    const before = await used(code);
    await within(code, before + 1, async () => {
      await make();
      assert.equal(await used(code), before + 1, code);
      await refuses(error, make());
    });
  }
});

test('a value for all counts where an account has none of its own', async () => {
  const { quotas, accountId } = cloud.cloud;
  const other = await cloud.addAccount('other');
  const code = 'L-0263D0A3';
  const allocate = (principal = other) => cloud.callAs(principal, 'AllocateAddress', {});
  await quotas.setQuota({ code, value: 0 });
  await refuses('AddressLimitExceeded', allocate());
  await quotas.setQuota({ code, value: 1, account: 'other' });
  await allocate();
  await refuses('AddressLimitExceeded', allocate());
  assert.equal(await cloud.cloud.identity.findBucketLimit?.(accountId), 10_000);
  await quotas.setQuota({ code: 'L-DC2B2D3D', value: 3, account: accountId });
  assert.equal(await cloud.cloud.identity.findBucketLimit?.(accountId), 3);
  assert.equal(await cloud.cloud.identity.findBucketLimit?.(other.accountId), 10_000);
  await quotas.unsetQuota({ code: 'L-DC2B2D3D', account: accountId });
  await quotas.unsetQuota({ code, account: 'other' });
  await quotas.unsetQuota({ code });
  await assert.rejects(quotas.unsetQuota({ code }), { kind: 'not-found' });
  await assert.rejects(quotas.setQuota({ code: 'L-NONE', value: 1 }), /L-1216C47A/);
  await assert.rejects(quotas.setQuota({ code, value: 1.5 }), { kind: 'invalid-parameter' });
  await assert.rejects(quotas.setQuota({ code, value: -1 }), { kind: 'invalid-parameter' });
  await assert.rejects(quotas.setQuota({ code, value: 1, account: 'none' }), { kind: 'not-found' });
});

test('AWS’s own client reads services, quotas, defaults and their pages', async () => {
  using client = disposable(new ServiceQuotasClient(await lab.settings()));
  const { quotas, accountId } = cloud.cloud;
  await quotas.setQuota({ code: VCPUS, value: 64 });
  await quotas.setQuota({ code: VCPUS, value: 32, account: accountId });
  const { Services } = await client.send(new ListServicesCommand({}));
  assert.deepEqual(
    Services!.map(({ ServiceCode }) => ServiceCode),
    ['ebs', 'ec2', 's3', 'vpc'],
  );
  const named = { ServiceCode: 'ec2', QuotaCode: VCPUS };
  const { Quota } = await client.send(new GetServiceQuotaCommand(named));
  assert.deepEqual(
    [Quota!.Value, Quota!.QuotaArn],
    [32, `arn:aws:servicequotas:us-east-1:${accountId}:ec2/${VCPUS}`],
  );
  const ofAll = await client.send(new GetAWSDefaultServiceQuotaCommand(named));
  assert.deepEqual([ofAll.Quota!.Value, ofAll.Quota!.Adjustable], [64, true]);
  const codes: string[] = [];
  const pages = { client, pageSize: 4 };
  for await (const page of paginateListAWSDefaultServiceQuotas(pages, { ServiceCode: 'ebs' })) {
    assert.ok(page.Quotas!.length <= 4);
    codes.push(...page.Quotas!.map(({ QuotaCode }) => QuotaCode!));
  }
  assert.equal(codes.length, 9);
  assert.equal(new Set(codes).size, 9);
  const one = await client.send(new ListServiceQuotasCommand(named));
  assert.deepEqual(
    one.Quotas!.map(({ Value }) => Value),
    [32],
  );
  const absent = new GetServiceQuotaCommand({ ...named, QuotaCode: 'L-00000000' });
  await assert.rejects(client.send(absent), { name: 'NoSuchResourceException' });
  const none = new ListServiceQuotasCommand({ ServiceCode: 'lambda' });
  await assert.rejects(client.send(none), { name: 'NoSuchResourceException' });
  const token = new ListServicesCommand({ NextToken: 'x' });
  await assert.rejects(client.send(token), { name: 'InvalidPaginationTokenException' });
  const many = new ListServicesCommand({ MaxResults: 101 });
  await assert.rejects(client.send(many), { name: 'IllegalArgumentException' });
  const more = new RequestServiceQuotaIncreaseCommand({ ...named, DesiredValue: 100 });
  await assert.rejects(client.send(more), { name: 'UnsupportedOperation' });
  await quotas.unsetQuota({ code: VCPUS, account: accountId });
  await quotas.unsetQuota({ code: VCPUS });
});

test('who may not read quotas is refused, and so is a wrong secret', async () => {
  await lab.lab.iam('CreateUser', { UserName: 'ann' });
  const { AccessKey } = await lab.lab.iam('CreateAccessKey', { UserName: 'ann' });
  using client = disposable(new ServiceQuotasClient(await lab.settings(AccessKey)));
  const denied = { name: 'AccessDeniedException' };
  await assert.rejects(client.send(new ListServicesCommand({})), denied);
  await lab.lab.allow('ann', { Action: 'servicequotas:ListServices' });
  assert.equal((await client.send(new ListServicesCommand({}))).Services!.length, 4);
  const forged = { ...AccessKey, SecretAccessKey: 'not-the-secret' };
  using other = disposable(new ServiceQuotasClient(await lab.settings(forged)));
  const invalid = { name: 'InvalidSignatureException' };
  await assert.rejects(other.send(new ListServicesCommand({})), invalid);
});

function disposable<Client extends { destroy(): void }>(client: Client): Client & Disposable {
  return Object.assign(client, { [Symbol.dispose]: () => client.destroy() });
}
