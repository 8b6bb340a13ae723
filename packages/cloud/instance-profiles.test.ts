// Owns the tests of instance profiles: what an instance is told, when that changes, and who may give it.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { JumpingClock } from '../../test/support/jumping-clock.ts';
import { IamLab, policyOf, trustOf } from './testing/iam-lab.ts';

let lab: IamLab;
let image: string;
const clock = new JumpingClock();

before(async () => {
  lab = await IamLab.start({ clock });
  image = await lab.cloud.registerImage();
  const trust = {
    AssumeRolePolicyDocument: trustOf({ Principal: { Service: 'ec2.amazonaws.com' } }),
  };
  for (const name of ['web', 'batch']) {
    await lab.iam('CreateRole', { RoleName: name, ...trust });
    await lab.iam('CreateInstanceProfile', { InstanceProfileName: name });
    await lab.iam('AddRoleToInstanceProfile', { InstanceProfileName: name, RoleName: name });
    const PolicyDocument = policyOf({ Action: 'ec2:Describe*' });
    await lab.iam('PutRolePolicy', { RoleName: name, PolicyName: 'own', PolicyDocument });
  }
});
after(() => lab?.[Symbol.asyncDispose]());

/** What its node was told last. */
function toldRole(id: string) {
  return lab.cloud.cluster.listIds().includes(id as InstanceId)
    ? lab.cloud.cluster.getIntent(id as InstanceId).metadata.role
    : undefined;
}

async function settledRole(id: string, name: string | undefined) {
  await lab.cloud.settle(`${id} is told of ${name}`, () => toldRole(id)?.roleName === name);
  return toldRole(id)!;
}

test('an instance with a profile gets its role’s credentials, which do what the role may', async () => {
  const [id] = await lab.cloud.launch(image, { IamInstanceProfile: { Name: 'web' } });
  const role = await settledRole(id!, 'web');
  const principal = await lab.principalOf(role.accessKeyId);
  assert.equal(principal.arn, `arn:aws:sts::${lab.accountId}:assumed-role/web/${id}`);
  await lab.cloud.callAs(principal, 'DescribeInstances', {});
  const shown = (await lab.cloud.describe(id!)).IamInstanceProfile!;
  assert.equal(shown.Arn, `arn:aws:iam::${lab.accountId}:instance-profile/web`);
  const Filters = [{ Name: 'iam-instance-profile.arn', Values: [shown.Arn!] }];
  const found = await lab.cloud.call('DescribeInstances', { Filters });
  assert.equal(found.Reservations!.length, 1);
  await lab.cloud.call('TerminateInstances', { InstanceIds: [id!] });
  await assert.rejects(lab.principalOf(role.accessKeyId), /nobody has the key/);
});

test('a profile is given, replaced and taken from an instance that runs', async () => {
  const [id] = await lab.cloud.launch(image);
  await lab.cloud.settleState(id!, 'running');
  const give = { InstanceId: id!, IamInstanceProfile: { Name: 'web' } };
  const { IamInstanceProfileAssociation: first } = await lab.cloud.call(
    'AssociateIamInstanceProfile',
    give,
  );
  const web = await settledRole(id!, 'web');
  await assert.rejects(lab.cloud.call('AssociateIamInstanceProfile', give), {
    kind: 'incorrect-state',
  });
  const { IamInstanceProfileAssociation: second } = await lab.cloud.call(
    'ReplaceIamInstanceProfileAssociation',
    { AssociationId: first!.AssociationId!, IamInstanceProfile: { Name: 'batch' } },
  );
  await settledRole(id!, 'batch');
  await assert.rejects(lab.principalOf(web.accessKeyId), /nobody has the key/);
  const { AssociationId } = second!;
  const { IamInstanceProfileAssociations } = await lab.cloud.call(
    'DescribeIamInstanceProfileAssociations',
    { AssociationIds: [AssociationId!] },
  );
  assert.equal(IamInstanceProfileAssociations![0]!.InstanceId, id);
  const take = { AssociationId: AssociationId! };
  await lab.cloud.call('DisassociateIamInstanceProfile', take);
  await lab.cloud.settle('no role', () => toldRole(id!) === undefined);
  await assert.rejects(lab.cloud.call('DisassociateIamInstanceProfile', take), {
    kind: 'not-found',
    resource: 'profile-association',
  });
});

test('credentials are renewed before they end', async () => {
  const [id] = await lab.cloud.launch(image, { IamInstanceProfile: { Name: 'batch' } });
  const before = await settledRole(id!, 'batch');
  clock.pass(5.5 * 60 * 60_000);
  await lab.cloud.settle('renewed', () => toldRole(id!)?.accessKeyId !== before.accessKeyId);
  assert.ok(toldRole(id!)!.expiresAt > before.expiresAt);
  // What was given first is good until its own time.
  await lab.principalOf(before.accessKeyId);
});

test('who may launch gives no role that they may not pass', async () => {
  const kim = await lab.addUser('kim');
  await lab.allow('kim', { Action: 'ec2:*' });
  const launch = async () =>
    lab.cloud.callAs(await kim(), 'RunInstances', {
      ...{ ImageId: image, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1 },
      IamInstanceProfile: { Name: 'web' },
    });
  await assert.rejects(
    launch(),
    /not authorized to perform: iam:PassRole on resource: .*role\/web/,
  );
  const Resource = `arn:aws:iam::${lab.accountId}:role/web`;
  const Condition = { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } };
  await lab.allow('kim', { Action: 'ec2:*' }, { Action: 'iam:PassRole', Resource, Condition });
  const { Instances } = await launch();
  await lab.cloud.call('TerminateInstances', { InstanceIds: [Instances![0]!.InstanceId!] });
});

test('who may change a profile gives it no role that they may not pass', async () => {
  const lee = await lab.addUser('lee');
  await lab.iam('CreateInstanceProfile', { InstanceProfileName: 'empty' });
  const give = async () =>
    lab.iamAs(await lee(), 'AddRoleToInstanceProfile', {
      ...{ InstanceProfileName: 'empty', RoleName: 'web' },
    });
  const Action = 'iam:AddRoleToInstanceProfile';
  await lab.allow('lee', { Action });
  await assert.rejects(give(), /not authorized to perform: iam:PassRole on resource: .*role\/web/);
  const Resource = `arn:aws:iam::${lab.accountId}:role/web`;
  await lab.allow('lee', { Action }, { Action: 'iam:PassRole', Resource });
  await give();
});

test('a role that comes into a profile after its launcher was asked is not given', async () => {
  const mia = await lab.addUser('mia');
  const Resource = `arn:aws:iam::${lab.accountId}:role/web`;
  await lab.allow('mia', { Action: 'ec2:*' }, { Action: 'iam:PassRole', Resource });
  const named = { InstanceProfileName: 'swapped' };
  await lab.iam('CreateInstanceProfile', named);
  await lab.iam('AddRoleToInstanceProfile', { ...named, RoleName: 'web' });
  const getReport = lab.cloud.storage.getReport.bind(lab.cloud.storage);
  lab.cloud.storage.getReport = async () => {
    lab.cloud.storage.getReport = getReport;
    await lab.iam('RemoveRoleFromInstanceProfile', { ...named, RoleName: 'web' });
    await lab.iam('AddRoleToInstanceProfile', { ...named, RoleName: 'batch' });
    return await getReport();
  };
  const launch = lab.cloud.callAs(await mia(), 'RunInstances', {
    ...{ ImageId: image, InstanceType: 't3.micro', MinCount: 1, MaxCount: 1 },
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
    IamInstanceProfile: { Name: 'swapped' },
  });
  await assert.rejects(launch, { kind: 'incorrect-state', resource: 'profile-association' });
});

test('a role that does not trust EC2 is not given to an instance', async () => {
  await lab.iam('CreateRole', {
    RoleName: 'human',
    AssumeRolePolicyDocument: trustOf({ Principal: { AWS: lab.accountId } }),
  });
  await lab.iam('CreateInstanceProfile', { InstanceProfileName: 'human' });
  await lab.iam('AddRoleToInstanceProfile', { InstanceProfileName: 'human', RoleName: 'human' });
  const [id] = await lab.cloud.launch(image, { IamInstanceProfile: { Name: 'human' } });
  await lab.cloud.settleState(id!, 'running');
  assert.equal(toldRole(id!), undefined);
});
