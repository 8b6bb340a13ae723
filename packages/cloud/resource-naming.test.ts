// Owns the tests that a denial reaches what a call is about, however the call names it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { Ec2Action, Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { makeSnapshot } from './testing/ebs-lab.ts';
import { IamLab } from './testing/iam-lab.ts';

let lab: IamLab;
let image: string;
let user: () => Promise<Principal>;

before(async () => {
  lab = await IamLab.start();
  image = await lab.cloud.registerImage();
  user = await lab.addUser('ann');
});
after(() => lab?.[Symbol.asyncDispose]());

/** As who may do everything in EC2 but what this denies. */
async function denied<Name extends Ec2Action>(
  rule: object,
  action: Name,
  input: Partial<Ec2Input<Name>>,
): Promise<string> {
  await lab.allow('ann', { Action: 'ec2:*' }, { Effect: 'Deny', Action: `ec2:${action}`, ...rule });
  return await lab.cloud.callAs(await user(), action, input, true).then(
    () => assert.fail('a dry run throws'),
    (error: { kind: string; message: string }) =>
      error.kind === 'not-authorized' ? error.message : error.kind,
  );
}

function arnOf(resource: string): { Resource: string } {
  return { Resource: `arn:aws:ec2:us-east-1:${lab.accountId}:${resource}` };
}

const COUNT = { MinCount: 1, MaxCount: 1 };

test('a launch from a template is asked about what the template holds', async () => {
  const { KeyName } = await lab.cloud.call('CreateKeyPair', { KeyName: 'theirs' });
  const LaunchTemplateData = {
    ...{ ImageId: image, InstanceType: 't3.micro' as const, KeyName: KeyName! },
    TagSpecifications: [
      { ResourceType: 'instance' as const, Tags: [{ Key: 'team', Value: 'red' }] },
    ],
  };
  const named = { LaunchTemplateName: 'web' };
  const { LaunchTemplate } = await lab.cloud.call('CreateLaunchTemplate', {
    ...named,
    LaunchTemplateData,
  });
  const launch = { LaunchTemplate: named, ...COUNT };
  const ask = (rule: object) => denied(rule, 'RunInstances', launch);
  const rules = [
    { Resource: `arn:aws:ec2:us-east-1::image/${image}` },
    arnOf('key-pair/theirs'),
    arnOf(`launch-template/${LaunchTemplate!.LaunchTemplateId}`),
    { Condition: { StringEquals: { 'ec2:InstanceType': 't3.micro' } } },
    { Action: 'ec2:CreateTags', Condition: { StringEquals: { 'aws:RequestTag/team': 'red' } } },
  ];
  for (const rule of rules) assert.match(await ask(rule), /with an explicit deny/);
  assert.equal(await ask(arnOf('key-pair/ours')), 'dry-run');
  // The type that a policy asks for may be the template's.
  const Condition = { StringEquals: { 'ec2:InstanceType': 't3.micro' } };
  const others = { NotAction: 'ec2:RunInstances' };
  const instances = { Action: 'ec2:RunInstances', Condition };
  await lab.allow('ann', others, instances);
  const started = lab.cloud.callAs(await user(), 'RunInstances', launch, true);
  await assert.rejects(started, { kind: 'dry-run' });
});

test('who may not launch is not told which templates there are', async () => {
  const launch = { LaunchTemplate: { LaunchTemplateName: 'absent' }, ...COUNT };
  assert.match(await denied({}, 'RunInstances', launch), /with an explicit deny/);
  assert.equal(await denied(arnOf('vpc/none'), 'RunInstances', launch), 'not-found');
});

/** Denied by its tag and by its ARN, however the call names it; and not where something else is denied. */
async function isReached<Name extends Ec2Action>(
  { id, arn }: { id: string; arn: string },
  action: Name,
  input: Partial<Ec2Input<Name>>,
  allowed = 'dry-run',
): Promise<void> {
  await lab.cloud.call('CreateTags', { Resources: [id], Tags: [{ Key: 'keep', Value: id }] });
  const byTag = (value: string) => ({
    Condition: { StringEquals: { 'ec2:ResourceTag/keep': value } },
  });
  const what = `${action} of ${arn}`;
  assert.match(await denied(byTag(id), action, input), /with an explicit deny/, what);
  assert.match(await denied(arnOf(arn), action, input), /with an explicit deny/, what);
  assert.equal(await denied(byTag('other'), action, input), allowed, what);
}

test('security groups are reached by name, and not another VPC’s of the same name', async () => {
  const group = { GroupName: 'open', Description: 'd' };
  const { GroupId } = await lab.cloud.call('CreateSecurityGroup', group);
  const { Vpc } = await lab.cloud.call('CreateVpc', { CidrBlock: '10.7.0.0/16' });
  const other = await lab.cloud.call('CreateSecurityGroup', { ...group, VpcId: Vpc!.VpcId! });
  const open = { id: GroupId!, arn: `security-group/${GroupId}` };
  const rule = { IpProtocol: 'tcp', FromPort: 1, ToPort: 2, CidrIp: '10.0.0.0/8' };
  const input = { GroupName: 'open', ...rule };
  await isReached(open, 'AuthorizeSecurityGroupIngress', input);
  const elsewhere = arnOf(`security-group/${other.GroupId}`);
  assert.equal(await denied(elsewhere, 'AuthorizeSecurityGroupIngress', input), 'dry-run');
  await isReached(open, 'DeleteSecurityGroup', { GroupName: 'open' });
  const launch = { ImageId: image, InstanceType: 't3.micro' as const, ...COUNT };
  await isReached(open, 'RunInstances', { ...launch, SecurityGroups: ['open'] });
});

test('launch templates, key pairs and placement groups are reached by name', async () => {
  const LaunchTemplateName = 'named';
  const { LaunchTemplate } = await lab.cloud.call('CreateLaunchTemplate', {
    ...{ LaunchTemplateName, LaunchTemplateData: { InstanceType: 't3.micro' } },
  });
  const id = LaunchTemplate!.LaunchTemplateId!;
  const template = { id, arn: `launch-template/${id}` };
  await isReached(template, 'DeleteLaunchTemplate', { LaunchTemplateName });
  const { KeyPairId } = await lab.cloud.call('CreateKeyPair', { KeyName: 'mine' });
  const key = { id: KeyPairId!, arn: 'key-pair/mine' };
  await isReached(key, 'DeleteKeyPair', { KeyName: 'mine' });
  await isReached(key, 'DeleteKeyPair', { KeyPairId: KeyPairId! });
  const spread = { GroupName: 'apart', Strategy: 'spread' as const };
  const { PlacementGroup } = await lab.cloud.call('CreatePlacementGroup', spread);
  const group = { id: PlacementGroup!.GroupId!, arn: 'placement-group/apart' };
  await isReached(group, 'DeletePlacementGroup', { GroupName: 'apart' });
});

test('what is associated is reached by the association’s id', async () => {
  const { Vpc } = await lab.cloud.call('CreateVpc', { CidrBlock: '10.8.0.0/16' });
  const VpcId = Vpc!.VpcId!;
  const { Subnet } = await lab.cloud.call('CreateSubnet', { VpcId, CidrBlock: '10.8.1.0/24' });
  const { RouteTable } = await lab.cloud.call('CreateRouteTable', { VpcId });
  const RouteTableId = RouteTable!.RouteTableId!;
  const ofTable = await lab.cloud.call('AssociateRouteTable', {
    ...{ RouteTableId, SubnetId: Subnet!.SubnetId! },
  });
  const table = { id: RouteTableId, arn: `route-table/${RouteTableId}` };
  const { AssociationId } = ofTable;
  await isReached(table, 'DisassociateRouteTable', { AssociationId: AssociationId! });
  const { CidrBlockAssociation } = await lab.cloud.call('AssociateVpcCidrBlock', {
    ...{ VpcId, CidrBlock: '10.9.0.0/16' },
  });
  const vpc = { id: VpcId, arn: `vpc/${VpcId}` };
  const ofBlock = { AssociationId: CidrBlockAssociation!.AssociationId! };
  await isReached(vpc, 'DisassociateVpcCidrBlock', ofBlock);
  await lab.iam('CreateInstanceProfile', { InstanceProfileName: 'web' });
  const [InstanceId] = await lab.cloud.launch(image);
  const { IamInstanceProfileAssociation } = await lab.cloud.call('AssociateIamInstanceProfile', {
    ...{ InstanceId: InstanceId!, IamInstanceProfile: { Name: 'web' } },
  });
  const instance = { id: InstanceId!, arn: `instance/${InstanceId}` };
  const ofProfile = { AssociationId: IamInstanceProfileAssociation!.AssociationId! };
  await isReached(instance, 'DisassociateIamInstanceProfile', ofProfile);
});

test('elastic addresses are reached by the address', async () => {
  const { AllocationId, PublicIp } = await lab.cloud.call('AllocateAddress', {});
  const address = { id: AllocationId!, arn: `elastic-ip/${AllocationId}` };
  // EC2 asks for the allocation, of those who may.
  await isReached(address, 'ReleaseAddress', { PublicIp: PublicIp! }, 'invalid-parameter');
});

test('the EBS direct APIs are asked about the tags of both snapshots', async () => {
  const keep = [{ Key: 'keep', Value: 'secret' }];
  const secret = await makeSnapshot(lab.cloud);
  await lab.cloud.call('CreateTags', { Resources: [secret], Tags: keep });
  const plain = await makeSnapshot(lab.cloud);
  const Condition = { StringEquals: { 'aws:ResourceTag/keep': 'secret' } };
  await lab.allow('ann', { Action: 'ebs:*' }, { Effect: 'Deny', Action: 'ebs:*', Condition });
  const principal = await user();
  const { accountId } = principal;
  const context = { requestId: 'r', principal, accountId, region: 'us-east-1', dryRun: false };
  const compare = (snapshotId: string, firstSnapshotId: string) => {
    const query = new Map([['firstSnapshotId', firstSnapshotId]]);
    const rest = { blockIndex: '', query, headers: new Map(), body: Buffer.alloc(0) };
    return lab.cloud.cloud.ebs(context, { operation: 'ListChangedBlocks', snapshotId, ...rest });
  };
  await assert.rejects(compare(secret, plain), { kind: 'not-authorized' });
  await assert.rejects(compare(plain, secret), { kind: 'not-authorized' });
  const message = await compare(plain, plain).then(() => '', String);
  assert.doesNotMatch(message, /not authorized/);
});
