// Owns the tests that what a call gets without naming it is asked about: a policy for one subnet holds for launches that
// name none.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ec2Action, Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { makeSnapshot } from './testing/ebs-lab.ts';
import { IamLab } from './testing/iam-lab.ts';

let lab: IamLab;
let image: string;
let user: () => Promise<Principal>;
let vpcId: string;
let subnetId: string;
let groupId: string;

before(async () => {
  lab = await IamLab.start();
  image = await lab.cloud.registerImage();
  user = await lab.addUser('ann');
  const { Subnets } = await lab.cloud.call('DescribeSubnets', {});
  vpcId = Subnets![0]!.VpcId!;
  subnetId = Subnets![0]!.SubnetId!;
  const { SecurityGroups } = await lab.cloud.call('DescribeSecurityGroups', {});
  groupId = SecurityGroups![0]!.GroupId!;
});
after(() => lab?.[Symbol.asyncDispose]());

/** As the user, without doing it: `dry-run` where it would have been done. */
async function ask<Name extends Ec2Action>(
  action: Name,
  input: Partial<Ec2Input<Name>>,
): Promise<string> {
  return await lab.cloud.callAs(await user(), action, input, true).then(
    () => assert.fail('a dry run throws'),
    (error: { kind: string; message: string }) =>
      error.kind === 'not-authorized' ? error.message : error.kind,
  );
}

function arn(resource: string): string {
  return `arn:aws:ec2:us-east-1:${lab.accountId}:${resource}`;
}

/** Everything of EC2 but this action with other subnets, or groups, than these. */
async function allowAlone(action: string, word: string, ids: readonly string[]): Promise<void> {
  const NotResource = arn(`${word}/*`);
  const rest = { Action: 'ec2:*', Resource: undefined, NotResource };
  await lab.allow('ann', rest, {
    Action: `ec2:${action}`,
    Resource: ids.map((id) => arn(`${word}/${id}`)),
  });
}

const LAUNCH = { InstanceType: 't3.micro' as const, MinCount: 1, MaxCount: 1 };

test('StartSnapshot is asked about its parent, by ARN, tag and condition', async () => {
  const parent = await makeSnapshot(lab.cloud);
  await lab.cloud.call('CreateTags', { Resources: [parent], Tags: [{ Key: 'keep', Value: 'k' }] });
  const start = async (body: object) => {
    const principal = await user();
    const { accountId } = principal;
    const context = { requestId: 'r', principal, accountId, region: 'us-east-1', dryRun: false };
    const rest = { snapshotId: '', blockIndex: '', query: new Map(), headers: new Map() };
    const request = { ...rest, body: Buffer.from(JSON.stringify(body)) };
    await lab.cloud.cloud.ebs(context, { operation: 'StartSnapshot', ...request });
  };
  const all = { Action: 'ebs:*' };
  const rules = [
    { Resource: `arn:aws:ec2:us-east-1::snapshot/${parent}` },
    { Condition: { StringEquals: { 'aws:ResourceTag/keep': 'k' } } },
    { Condition: { StringEquals: { 'ebs:ParentSnapshot': parent } } },
  ];
  for (const rule of rules) {
    await lab.allow('ann', all, { Effect: 'Deny', Action: 'ebs:StartSnapshot', ...rule });
    const begun = start({ VolumeSize: 0, ParentSnapshotId: parent });
    await assert.rejects(begun, { kind: 'not-authorized' });
    // Allowed, and then refused for its size.
    await assert.rejects(start({ VolumeSize: 0 }), { kind: 'invalid-parameter' });
  }
  await lab.allow('ann', { ...all, Resource: `arn:aws:ec2:us-east-1::snapshot/${parent}` });
  // The new one has to be allowed too.
  const begun = start({ VolumeSize: 0, ParentSnapshotId: parent });
  await assert.rejects(begun, { kind: 'not-authorized' });
});

test('a launch that ends in the default subnet is refused whom another one alone is allowed', async () => {
  const { Vpc } = await lab.cloud.call('CreateVpc', { CidrBlock: '10.7.0.0/16' });
  const VpcId = Vpc!.VpcId!;
  const { Subnet } = await lab.cloud.call('CreateSubnet', { VpcId, CidrBlock: '10.7.1.0/24' });
  const SubnetId = Subnet!.SubnetId!;
  const launch = { ImageId: image, ...LAUNCH };
  const LaunchTemplateName = 'without-a-subnet';
  await lab.cloud.call('CreateLaunchTemplate', {
    ...{ LaunchTemplateName, LaunchTemplateData: { ImageId: image, InstanceType: 't3.micro' } },
  });
  const templated = { LaunchTemplate: { LaunchTemplateName }, MinCount: 1, MaxCount: 1 };
  const NetworkInterfaces = [{ DeviceIndex: 0 }];
  const zoned = { ...launch, Placement: { AvailabilityZone: 'us-east-1a' } };
  await allowAlone('RunInstances', 'subnet', [SubnetId]);
  for (const input of [launch, templated, zoned, { ...launch, NetworkInterfaces }]) {
    const answer = await ask('RunInstances', input);
    assert.match(answer, new RegExp(`on resource: ${arn(`subnet/${subnetId}`)} because no id`));
  }
  assert.equal(await ask('RunInstances', { ...launch, SubnetId }), 'dry-run');
  assert.equal(await ask('RunInstances', { ...templated, SubnetId }), 'dry-run');
  await allowAlone('RunInstances', 'subnet', [subnetId]);
  for (const input of [launch, templated, zoned]) {
    assert.equal(await ask('RunInstances', input), 'dry-run');
  }
});

test('a launch or an interface that gets the default group is refused whom it is not allowed', async () => {
  const launch = { ImageId: image, ...LAUNCH };
  const own = { GroupName: 'own', Description: 'd' };
  const { GroupId } = await lab.cloud.call('CreateSecurityGroup', own);
  const Groups = [GroupId!];
  await allowAlone('RunInstances', 'security-group', Groups);
  const refused = new RegExp(`on resource: ${arn(`security-group/${groupId}`)} because no id`);
  assert.match(await ask('RunInstances', launch), refused);
  const NetworkInterfaces = [{ DeviceIndex: 0, SubnetId: subnetId }];
  assert.match(await ask('RunInstances', { ...launch, NetworkInterfaces }), refused);
  assert.equal(await ask('RunInstances', { ...launch, SecurityGroupIds: Groups }), 'dry-run');
  const given = [{ ...NetworkInterfaces[0], Groups }];
  assert.equal(await ask('RunInstances', { ...launch, NetworkInterfaces: given }), 'dry-run');
  await allowAlone('CreateNetworkInterface', 'security-group', Groups);
  const wish = { SubnetId: subnetId };
  assert.match(await ask('CreateNetworkInterface', wish), refused);
  assert.equal(await ask('CreateNetworkInterface', { ...wish, Groups }), 'dry-run');
});

test('a group that is made in the default VPC is asked about it', async () => {
  const wish = { GroupName: 'made', Description: 'd' };
  await allowAlone('CreateSecurityGroup', 'vpc', ['vpc-0123456789abcdef0']);
  const refused = new RegExp(`on resource: ${arn(`vpc/${vpcId}`)} because no id`);
  assert.match(await ask('CreateSecurityGroup', wish), refused);
  await allowAlone('CreateSecurityGroup', 'vpc', [vpcId]);
  assert.equal(await ask('CreateSecurityGroup', wish), 'dry-run');
});

test('snapshots of an instance are asked about its volumes, and a detachment about its instance', async () => {
  const [InstanceId] = await lab.cloud.launch(image);
  await lab.cloud.settleState(InstanceId!, 'running');
  const zone = { AvailabilityZone: 'us-east-1a', Size: 1 };
  const { VolumeId } = await lab.cloud.call('CreateVolume', zone);
  await lab.cloud.settleVolume(VolumeId!, 'available');
  const attach = { InstanceId: InstanceId!, VolumeId: VolumeId!, Device: '/dev/sdf' };
  await lab.cloud.call('AttachVolume', attach);
  await lab.cloud.settleVolume(VolumeId!, 'in-use');
  const all = { Action: 'ec2:*' };
  const deny = (resource: string) =>
    lab.allow('ann', all, { Effect: 'Deny', Action: '*', Resource: arn(resource) });
  const InstanceSpecification = { InstanceId: InstanceId! };
  await deny(`volume/${VolumeId}`);
  const refused = /with an explicit deny/;
  assert.match(await ask('CreateSnapshots', { InstanceSpecification }), refused);
  await deny(`instance/${InstanceId}`);
  assert.match(await ask('DetachVolume', { VolumeId: VolumeId! }), refused);
  await deny('volume/vol-0123456789abcdef0');
  assert.equal(await ask('DetachVolume', { VolumeId: VolumeId! }), 'dry-run');
});

test('each interface of a launch is asked about what it gets, and one that exists gets nothing', async () => {
  const own = { GroupName: 'of-several', Description: 'd' };
  const { GroupId } = await lab.cloud.call('CreateSecurityGroup', own);
  const Groups = [GroupId!];
  const wish = { SubnetId: subnetId, Groups };
  const made = await lab.cloud.call('CreateNetworkInterface', wish);
  const { NetworkInterfaceId } = made.NetworkInterface!;
  const given = { DeviceIndex: 0, ...wish };
  const launch = (DeviceIndex: number, one: object, ...others: object[]) => {
    const NetworkInterfaces = [{ DeviceIndex, ...one }, ...others];
    return ask('RunInstances', { ImageId: image, ...LAUNCH, NetworkInterfaces });
  };
  await allowAlone('RunInstances', 'security-group', Groups);
  const group = new RegExp(`on resource: ${arn(`security-group/${groupId}`)} because no id`);
  assert.match(await launch(1, { SubnetId: subnetId }, given), group);
  assert.match(await launch(0, wish, { DeviceIndex: 1, SubnetId: subnetId }), group);
  assert.equal(await launch(1, wish, given), 'dry-run');
  assert.equal(await launch(1, { NetworkInterfaceId }, given), 'dry-run');
  assert.equal(await launch(0, { NetworkInterfaceId }), 'dry-run');
  await allowAlone('RunInstances', 'subnet', ['subnet-0123456789abcdef0']);
  const subnet = new RegExp(`on resource: ${arn(`subnet/${subnetId}`)} because no id`);
  const existing = { DeviceIndex: 0, NetworkInterfaceId };
  assert.match(await launch(1, { Groups }, existing), subnet);
  assert.equal(await launch(1, existing), 'dry-run');
});

test('an address for an instance is asked about the interface that gets it', async () => {
  const [InstanceId] = await lab.cloud.launch(image);
  const { NetworkInterfaces } = await lab.cloud.describe(InstanceId!);
  const { AllocationId } = await lab.cloud.call('AllocateAddress', {});
  const associate = { AllocationId: AllocationId!, InstanceId: InstanceId! };
  await allowAlone('AssociateAddress', 'network-interface', ['eni-0123456789abcdef0']);
  const refused = /on resource: \S+:network-interface\/eni-\w+ because no id/;
  assert.match(await ask('AssociateAddress', associate), refused);
  const { NetworkInterfaceId } = NetworkInterfaces![0]!;
  await allowAlone('AssociateAddress', 'network-interface', [NetworkInterfaceId!]);
  assert.equal(await ask('AssociateAddress', associate), 'dry-run');
});
