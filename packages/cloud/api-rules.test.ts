// Owns the tests of rules that hold for many actions: ids, filters, pages, tags, dry runs, attributes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import type { Ec2Action } from '@ironbark/protocol/ec2/types.ts';
import { EC2_ACTIONS } from './actions/table.ts';
import { TestCloud } from './testing/test-cloud.ts';

const NONE = '00000000000000000';

function refused(kind: ErrorKind, resource?: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) &&
    (resource === undefined || error.resource === resource) &&
    error.message.includes(part);
}

test('unknown ids are listed together, malformed ones are told apart', async () => {
  await using t = await TestCloud.start();
  const ids = [`i-${NONE}`, 'i-11111111'];
  for (const action of ['DescribeInstances', 'StopInstances', 'TerminateInstances'] as const) {
    await assert.rejects(
      t.call(action, { InstanceIds: ids }),
      refused('not-found', 'instance', `'i-${NONE}, i-11111111' do not exist`),
    );
    await assert.rejects(
      t.call(action, { InstanceIds: ['i-xyz'] }),
      refused('malformed-id', 'instance', '"i-xyz"'),
    );
  }
  const others: [Ec2Action, object, ErrorResource][] = [
    ['DescribeVolumes', { VolumeIds: [`vol-${NONE}`] }, 'volume'],
    ['DescribeSnapshots', { SnapshotIds: [`snap-${NONE}`] }, 'snapshot'],
    ['DescribeImages', { ImageIds: [`ami-${NONE}`] }, 'image'],
    ['DescribeKeyPairs', { KeyNames: ['nobody'] }, 'key-pair'],
    ['DescribeVpcs', { VpcIds: [`vpc-${NONE}`] }, 'vpc'],
    ['DescribeSubnets', { SubnetIds: [`subnet-${NONE}`] }, 'subnet'],
    ['DescribeSecurityGroups', { GroupNames: ['nobody'] }, 'security-group'],
    ['DescribeNetworkInterfaces', { NetworkInterfaceIds: [`eni-${NONE}`] }, 'network-interface'],
    ['DescribeInstanceTypes', { InstanceTypes: ['z9.huge'] }, 'instance-type'],
    ['RunInstances', { ImageId: `ami-${NONE}`, MinCount: 1, MaxCount: 1 }, 'image'],
    ['CreateSnapshot', { VolumeId: `vol-${NONE}` }, 'volume'],
    ['DeleteSnapshot', { SnapshotId: `snap-${NONE}` }, 'snapshot'],
    ['CreateTags', { Resources: [`vol-${NONE}`], Tags: [{ Key: 'a' }] }, 'volume'],
  ];
  for (const [action, input, resource] of others) {
    await assert.rejects(t.call(action, input as never), refused('not-found', resource), action);
  }
});

test('instances are filtered and paged, and reservations stay whole', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const tags = [{ ResourceType: 'instance' as const, Tags: [{ Key: 'role', Value: 'web' }] }];
  const web = await t.launch(image, { MinCount: 7, MaxCount: 7, TagSpecifications: tags });
  const db = await t.launch(image, { InstanceType: 't3.nano' });
  const find = async (Name: string, ...Values: string[]) => {
    const { Reservations } = await t.call('DescribeInstances', { Filters: [{ Name, Values }] });
    return Reservations!.flatMap((one) => one.Instances!.map((instance) => instance.InstanceId!));
  };
  assert.deepEqual((await find('tag:role', 'w*')).sort(), web.toSorted());
  assert.deepEqual(await find('instance-type', 't3.nano'), db);
  assert.equal((await find('instance-state-name', 'pending', 'running')).length, 8);
  assert.deepEqual(await find('private-ip-address', '10.*'), []);
  await assert.rejects(find('colour', 'red'), refused('invalid-parameter', 'filter', 'colour'));

  const seen: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await t.call('DescribeInstances', {
      MaxResults: 5,
      ...(NextToken === undefined ? {} : { NextToken }),
    });
    seen.push(...page.Reservations!.flatMap((r) => r.Instances!.map((i) => i.InstanceId!)));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  assert.deepEqual(seen.sort(), [...web, ...db].sort());
  const both = t.call('DescribeInstances', { MaxResults: 5, InstanceIds: web });
  await assert.rejects(both, refused('invalid-combination'));
});

test('a dry run of any change says that it would succeed, and changes nothing', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [id] = await t.launch(image);
  await t.settleState(id!, 'running');
  const volume = await t.call('CreateVolume', { AvailabilityZone: 'us-east-1a', Size: 1 });
  await t.settleVolume(volume.VolumeId!, 'available');
  await t.call('CreateKeyPair', { KeyName: 'old', KeyType: 'ed25519' });
  const ofVolume = { VolumeId: volume.VolumeId! };
  const changes: Partial<Record<Ec2Action, object>> = {
    AttachVolume: { ...ofVolume, InstanceId: id, Device: '/dev/sdf' },
    CreateKeyPair: { KeyName: 'new', KeyType: 'ed25519' },
    CreateSnapshot: ofVolume,
    CreateTags: { Resources: [id], Tags: [{ Key: 'a', Value: 'b' }] },
    CreateVolume: { AvailabilityZone: 'us-east-1a', Size: 1 },
    DeleteKeyPair: { KeyName: 'old' },
    DeleteTags: { Resources: [id] },
    DeleteVolume: ofVolume,
    DeregisterImage: { ImageId: image },
    ModifyInstanceAttribute: { InstanceId: id, DisableApiTermination: { Value: true } },
    ModifyInstanceMetadataOptions: { InstanceId: id, HttpTokens: 'required' },
    MonitorInstances: { InstanceIds: [id] },
    RebootInstances: { InstanceIds: [id] },
    RegisterImage: { Name: 'again', ImageLocation: 'images/tiny/manifest.json' },
    RunInstances: { ImageId: image, MinCount: 1, MaxCount: 1, InstanceType: 't3.micro' },
    StartInstances: { InstanceIds: [id] },
    StopInstances: { InstanceIds: [id] },
    TerminateInstances: { InstanceIds: [id] },
  };
  const before = await describeAll(t);
  for (const [action, input] of Object.entries(changes)) {
    const call = t.call(action as Ec2Action, input as never, true);
    await assert.rejects(call, refused('dry-run'), action);
  }
  await t.settle('rest');
  assert.deepEqual(await describeAll(t), before);
});

async function describeAll(t: TestCloud): Promise<object> {
  return {
    instances: await t.call('DescribeInstances', {}),
    volumes: await t.call('DescribeVolumes', {}),
    snapshots: await t.call('DescribeSnapshots', {}),
    images: await t.call('DescribeImages', {}),
    keys: await t.call('DescribeKeyPairs', {}),
    tags: await t.call('DescribeTags', {}),
  };
}

test('tags are set, replaced, filtered and removed with their resource', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const put = (...Tags: { Key: string; Value: string }[]) =>
    t.call('CreateTags', { Resources: [image], Tags });
  await put({ Key: 'Name', Value: 'one' }, { Key: 'env', Value: 'test' });
  await put({ Key: 'Name', Value: 'two' });
  const named = await t.call('DescribeImages', {
    Filters: [{ Name: 'tag:Name', Values: ['two'] }],
  });
  assert.deepEqual(named.Images![0]!.Tags, [
    { Key: 'Name', Value: 'two' },
    { Key: 'env', Value: 'test' },
  ]);
  await t.call('DeleteTags', { Resources: [image], Tags: [{ Key: 'Name', Value: 'one' }] });
  assert.equal((await t.call('DescribeTags', {})).Tags!.length, 2);
  await t.call('DeleteTags', { Resources: [image], Tags: [{ Key: 'Name' }] });
  assert.deepEqual(
    (await t.call('DescribeTags', {})).Tags!.map((tag) => [tag.ResourceType, tag.Key]),
    [['image', 'env']],
  );
  await assert.rejects(put({ Key: 'aws:x', Value: '' }), refused('invalid-parameter', 'tag'));
  await assert.rejects(put({ Key: '', Value: '' }), refused('invalid-parameter', 'tag'));
  const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: '' }));
  await assert.rejects(put(...many), refused('limit-exceeded', 'tag'));
  await t.call('DeregisterImage', { ImageId: image });
  assert.deepEqual((await t.call('DescribeTags', {})).Tags, []);
});

test('what this cloud does not offer is refused by name', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const cases: [object, ErrorKind, string][] = [
    [{ InstanceMarketOptions: { MarketType: 'spot' } }, 'unsupported', 'InstanceMarketOptions'],
    [{ HibernationOptions: { Configured: true } }, 'unsupported', 'Hibernation'],
    [{ LaunchTemplate: { LaunchTemplateName: 'x' } }, 'not-found', 'template name x'],
    [{ Placement: { GroupName: 'x' } }, 'not-found', "'x' is unknown"],
    [{ EbsOptimized: true }, 'unsupported', 'EbsOptimized'],
    [{ CreditSpecification: { CpuCredits: 'standard' } }, 'unsupported', 'standard'],
    [{ Placement: { Tenancy: 'host' } }, 'unsupported', "Tenancy 'host'"],
    [{ Placement: { AvailabilityZone: 'mars-1a' } }, 'invalid-parameter', 'mars-1a'],
    [{ NetworkInterfaces: [{ DeviceIndex: 1 }] }, 'invalid-combination', 'device index 0'],
    [{ NetworkInterfaces: [{ DeviceIndex: 0, Ipv4PrefixCount: 1 }] }, 'unsupported', 'Use Device'],
    [{ NetworkInterfaces: [{ SubnetId: `subnet-${NONE}` }] }, 'invalid-parameter', 'device index'],
    [{ InstanceType: 'p5.48xlarge' }, 'invalid-parameter', 'p5.48xlarge'],
    [{ UserData: '!!' }, 'malformed-input', 'BASE64'],
    [{ UserData: Buffer.alloc(16385).toString('base64') }, 'invalid-parameter', '16385'],
    [{ MinCount: 2, MaxCount: 1 }, 'invalid-combination', 'MaxCount'],
    [{ KeyName: 'nobody' }, 'not-found', 'nobody'],
    [{ SecurityGroups: ['nobody'] }, 'not-found', 'nobody'],
    [{ PrivateIpAddress: '172.31.0.1' }, 'invalid-parameter', '172.31.0.1'],
    [
      { BlockDeviceMappings: [{ DeviceName: '/dev/vda', Ebs: { VolumeSize: 9 } }] },
      'invalid-parameter',
      'root device',
    ],
  ];
  for (const [input, kind, part] of cases) {
    await assert.rejects(t.launch(image, input), refused(kind, undefined, part), part);
  }
  assert.deepEqual((await t.call('DescribeInstances', {})).Reservations, []);
  const call = t.call('DescribeFleets', {});
  await assert.rejects(call, refused('unsupported', 'action', 'DescribeFleets'));
  assert.equal(EC2_ACTIONS.includes('DescribeFleets'), false);
});

test('an image is registered from its manifest alone', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const { Images } = await t.call('DescribeImages', { Owners: ['self'] });
  assert.equal(Images![0]!.ImageId, image);
  assert.equal(Images![0]!.Description, 'An image for tests');
  assert.deepEqual((await t.call('DescribeImages', { Owners: ['999999999999'] })).Images, []);
  const register = (Name: string, ImageLocation: string) =>
    t.call('RegisterImage', { Name, ImageLocation });
  await assert.rejects(
    register('tiny', 'images/tiny/manifest.json'),
    refused('duplicate', 'image'),
  );
  await assert.rejects(register('other', 'images/none'), refused('invalid-parameter'));
  await assert.rejects(register('other', 'images/tiny/root'), refused('invalid-parameter'));
  await assert.rejects(register('x', 'images/tiny/manifest.json'), refused('invalid-parameter'));
  const big = await t.registerImageNeeding(4096);
  await assert.rejects(t.launch(big), refused('invalid-combination', 'request', '4096 MiB'));
});

test('a key pair is made once, its private half shown once', async () => {
  await using t = await TestCloud.start();
  const made = await t.call('CreateKeyPair', { KeyName: 'me', KeyType: 'ed25519' });
  assert.match(made.KeyMaterial!, /^-----BEGIN OPENSSH PRIVATE KEY-----\n/);
  await assert.rejects(
    t.call('CreateKeyPair', { KeyName: 'me' }),
    refused('duplicate', 'key-pair'),
  );
  const { KeyPairs } = await t.call('DescribeKeyPairs', { IncludePublicKey: true });
  assert.equal(KeyPairs![0]!.KeyFingerprint, made.KeyFingerprint);
  const imported = await t.call('ImportKeyPair', {
    KeyName: 'copy',
    PublicKeyMaterial: Buffer.from(KeyPairs![0]!.PublicKey!),
  });
  assert.equal(imported.KeyFingerprint, made.KeyFingerprint);
  const [id] = await t.launch(await t.registerImage(), { KeyName: 'me' });
  await t.call('DeleteKeyPair', { KeyName: 'me' });
  await t.settleState(id!, 'running');
  const { metadata } = t.cluster.getIntent(id! as `i-${string}`);
  assert.equal(`${metadata.keys[0]!.openssh} me`, KeyPairs![0]!.PublicKey);
  await t.call('DeleteKeyPair', { KeyName: 'nobody' });
});

test('attributes are described and modified where the state allows it', async () => {
  await using t = await TestCloud.start();
  const userData = Buffer.from('#!/bin/sh').toString('base64');
  const [id] = await t.launch(await t.registerImage(), { UserData: userData });
  const InstanceId = id!;
  await t.settleState(id!, 'running');
  const read = await t.call('DescribeInstanceAttribute', { InstanceId, Attribute: 'userData' });
  assert.equal(read.UserData!.Value, userData);
  const change = () =>
    t.call('ModifyInstanceAttribute', { InstanceId, InstanceType: { Value: 't3.small' } });
  await assert.rejects(change(), refused('incorrect-state', 'instance', "'stopped'"));
  await t.call('StopInstances', { InstanceIds: [InstanceId] });
  await t.settleState(id!, 'stopped');
  await change();
  await t.call('StartInstances', { InstanceIds: [InstanceId] });
  await t.settleState(id!, 'running');
  assert.equal(t.cluster.getIntent(id! as `i-${string}`).memoryMib, 2048);
  const { Output } = await t.call('GetConsoleOutput', { InstanceId });
  assert.equal(Buffer.from(Output!, 'base64').toString(), `console of ${id}\n`);
});

test('the default network is there, and a launch uses up its addresses', async () => {
  await using t = await TestCloud.start();
  const { Vpcs } = await t.call('DescribeVpcs', {});
  assert.equal(Vpcs![0]!.CidrBlock, '172.31.0.0/16');
  const before = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  assert.equal(before.CidrBlock, '172.31.0.0/20');
  assert.equal(before.AvailableIpAddressCount, 4091);
  const { SecurityGroups } = await t.call('DescribeSecurityGroups', {});
  assert.equal(SecurityGroups![0]!.GroupName, 'default');
  assert.equal(SecurityGroups![0]!.IpPermissions!.length, 1);
  const image = await t.registerImage();
  await t.launch(image, { PrivateIpAddress: '172.31.15.254' });
  await assert.rejects(
    t.launch(image, { PrivateIpAddress: '172.31.15.254' }),
    refused('in-use', 'address'),
  );
  const after = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  assert.equal(after.AvailableIpAddressCount, 4090);
});
