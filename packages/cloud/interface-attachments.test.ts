// Owns the tests of interfaces that come to instances and go from them, through their actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { checkSlots } from './app/attachments.ts';
import { planAttachment } from './app/interface-attachments.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

async function makeInterface(t: TestCloud): Promise<string> {
  const { Subnets } = await t.call('DescribeSubnets', {});
  const wish = { SubnetId: Subnets![0]!.SubnetId! };
  return (await t.call('CreateNetworkInterface', wish)).NetworkInterface!.NetworkInterfaceId!;
}

async function show(t: TestCloud, id: string) {
  const { NetworkInterfaces } = await t.call('DescribeNetworkInterfaces', {
    NetworkInterfaceIds: [id],
  });
  return NetworkInterfaces![0]!;
}

/** By device index, as the zone was told. */
function told(t: TestCloud, id: string): Record<number, string> {
  const { interfaces } = t.cluster.getIntent(id as InstanceId);
  return Object.fromEntries(interfaces.map((one) => [one.deviceIndex, one.id]));
}

test('an interface is attached to a running instance and detached from it', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage());
  const eni = await makeInterface(t);
  const wish = { NetworkInterfaceId: eni, InstanceId: id!, DeviceIndex: 1 };
  await assert.rejects(
    t.call('AttachNetworkInterface', wish),
    refused('incorrect-state', 'instance', "'pending'"),
  );
  await t.settleState(id!, 'running');
  await assert.rejects(t.call('AttachNetworkInterface', wish, true), refused('dry-run'));
  const { AttachmentId } = await t.call('AttachNetworkInterface', wish);
  const shown = (await show(t, eni)).Attachment!;
  assert.deepEqual([shown.AttachmentId, shown.DeviceIndex], [AttachmentId, 1]);
  assert.deepEqual([shown.InstanceId, shown.DeleteOnTermination], [id, false]);
  const isAttached = async () => (await show(t, eni)).Attachment?.Status === 'attached';
  await t.settle('attached', isAttached);
  assert.equal(told(t, id!)[1], eni);
  const { interfaces } = t.cluster.getIntent(id as InstanceId);
  assert.equal(interfaces[1]!.hostname, (await show(t, eni)).PrivateDnsName);
  assert.equal((await t.describe(id!)).NetworkInterfaces!.length, 2);
  const filters = [{ Name: 'attachment.attachment-id', Values: [AttachmentId!] }];
  const found = await t.call('DescribeNetworkInterfaces', { Filters: filters });
  assert.equal(found.NetworkInterfaces!.length, 1);
  await assert.rejects(
    t.call('DeleteNetworkInterface', { NetworkInterfaceId: eni }),
    refused('invalid-parameter', 'network-interface', 'is currently in use'),
  );

  await assert.rejects(
    t.call('DetachNetworkInterface', { AttachmentId: AttachmentId! }, true),
    refused('dry-run'),
  );
  await t.call('DetachNetworkInterface', { AttachmentId: AttachmentId!, Force: true });
  await t.settle('free', async () => (await show(t, eni)).Status === 'available');
  assert.equal((await show(t, eni)).Attachment, undefined);
  assert.equal(told(t, id!)[1], undefined);
  await assert.rejects(
    t.call('DetachNetworkInterface', { AttachmentId: AttachmentId! }),
    refused('not-found', 'interface-attachment', `'${AttachmentId}' does not exist`),
  );
  await t.call('DeleteNetworkInterface', { NetworkInterfaceId: eni });
});

test('what cannot be attached or detached is refused as in EC2', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage(), { InstanceType: 't2.micro' });
  await t.settleState(id!, 'running');
  const [eni, other] = [await makeInterface(t), await makeInterface(t)];
  const attach = (NetworkInterfaceId: string, DeviceIndex: number) =>
    t.call('AttachNetworkInterface', { NetworkInterfaceId, InstanceId: id!, DeviceIndex });
  await assert.rejects(
    attach(eni, 0),
    refused('invalid-parameter', 'request', "at device index '0'"),
  );
  await assert.rejects(attach(eni, 99), refused('invalid-parameter', 'request', 'deviceIndex'));
  const { AttachmentId } = await attach(eni, 1);
  await assert.rejects(attach(eni, 2), refused('already-attached', 'network-interface', 'in use'));
  await assert.rejects(
    attach(other, 2),
    refused('limit-exceeded', 'attachment', 'Interface count 3 exceeds the limit for t2.micro'),
  );
  const { VpcId } = (await t.call('CreateVpc', { CidrBlock: '10.0.0.0/16' })).Vpc!;
  const subnet = await t.call('CreateSubnet', { VpcId: VpcId!, CidrBlock: '10.0.0.0/24' });
  const far = await t.call('CreateNetworkInterface', { SubnetId: subnet.Subnet!.SubnetId! });
  await assert.rejects(
    attach(far.NetworkInterface!.NetworkInterfaceId!, 2),
    refused('invalid-combination', 'request', 'one VPC'),
  );
  const [first] = (await t.describe(id!)).NetworkInterfaces!;
  await assert.rejects(
    t.call('DetachNetworkInterface', { AttachmentId: first!.Attachment!.AttachmentId! }),
    refused('operation-not-permitted', 'network-interface', 'device index 0'),
  );
  const set = (Id: string, DeleteOnTermination: boolean) =>
    t.call('ModifyNetworkInterfaceAttribute', {
      NetworkInterfaceId: eni,
      Attachment: { AttachmentId: Id, DeleteOnTermination },
    });
  await assert.rejects(
    set(first!.Attachment!.AttachmentId!, true),
    refused('not-found', 'interface-attachment'),
  );
  await set(AttachmentId!, true);
  assert.equal((await show(t, eni)).Attachment!.DeleteOnTermination, true);
});

test('a stopped instance gets interfaces for its next start, and its end keeps those that outlive it', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage(), { InstanceType: 'm5.large' });
  await t.settleState(id!, 'running');
  await t.call('StopInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'stopped');
  const [kept, goes] = [await makeInterface(t), await makeInterface(t)];
  const ids: string[] = [];
  for (const [index, NetworkInterfaceId] of [kept, goes].entries()) {
    const wish = { NetworkInterfaceId, InstanceId: id!, DeviceIndex: index + 1 };
    ids.push((await t.call('AttachNetworkInterface', wish)).AttachmentId!);
  }
  const Attachment = { AttachmentId: ids[1]!, DeleteOnTermination: true };
  await t.call('ModifyNetworkInterfaceAttribute', { NetworkInterfaceId: goes, Attachment });
  await t.call('StartInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'running');
  assert.deepEqual([told(t, id!)[1], told(t, id!)[2]], [kept, goes]);
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'terminated');
  const { NetworkInterfaces } = await t.call('DescribeNetworkInterfaces', {});
  assert.deepEqual(
    NetworkInterfaces!.map((one) => [one.NetworkInterfaceId, one.Status]),
    [[kept, 'available']],
  );
});

test('a launch names several interfaces, new ones and one that waits', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const eni = await makeInterface(t);
  const { SubnetId } = await show(t, eni);
  const launch = (NetworkInterfaces: object[], more = {}) =>
    t.launch(image, { InstanceType: 'm5.large', NetworkInterfaces, ...more });
  const first = { DeviceIndex: 0, SubnetId, Description: 'first' };
  const second = { DeviceIndex: 1, NetworkInterfaceId: eni };
  const combination = refused('invalid-combination', 'request');
  await assert.rejects(launch([second]), combination);
  await assert.rejects(launch([first, { ...second, DeviceIndex: 0 }]), combination);
  await assert.rejects(launch([first, { ...second, SubnetId }]), combination);
  await assert.rejects(launch([first, second], { MinCount: 2, MaxCount: 2 }), combination);
  await assert.rejects(launch([{ ...first, AssociatePublicIpAddress: true }, second]), combination);
  const many = [0, 1, 2, 3].map((DeviceIndex) => ({ DeviceIndex, SubnetId }));
  await assert.rejects(launch(many), refused('limit-exceeded', 'attachment', 'm5.large'));
  const [id] = await launch([second, first]);
  await t.settleState(id!, 'running');
  const shown = (await t.describe(id!)).NetworkInterfaces!;
  assert.deepEqual(
    shown.map((one) => [one.Attachment!.DeviceIndex, one.Attachment!.DeleteOnTermination]),
    [
      [0, true],
      [1, false],
    ],
  );
  assert.equal(shown[0]!.Description, 'first');
  assert.equal(told(t, id!)[1], eni);
  await assert.rejects(
    launch([{ DeviceIndex: 0, NetworkInterfaceId: eni }]),
    refused('already-attached', 'network-interface'),
  );
});

test('a daemon that ends before it notes an attachment notes it afterwards', async () => {
  let isAway = false;
  const failAt = (step: string) => {
    if (isAway && step.includes('interface-attachments')) throw new Error('planted');
  };
  await using t = await TestCloud.start({ failAt });
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  const eni = await makeInterface(t);
  isAway = true;
  await t.call('AttachNetworkInterface', {
    NetworkInterfaceId: eni,
    InstanceId: id!,
    DeviceIndex: 1,
  });
  await t.settle('told', () => told(t, id!)[1] === eni);
  await t.restart();
  isAway = false;
  await t.settle('noted', async () => (await show(t, eni)).Attachment?.Status === 'attached');
});

test('a node’s word counts from the intent on that told it', () => {
  const row = { id: 'eni-1', attachState: 'detaching', attachGeneration: 5 } as const;
  const node = { nodeId: 'node-1' as const };
  const heard = (heardGeneration: number, state?: 'attached' | 'detaching') => ({
    heardGeneration,
    interfaces: state === undefined ? [] : [{ id: 'eni-1' as const, state }],
  });
  assert.equal(planAttachment(row, node, undefined), 'none');
  assert.equal(planAttachment(row, { nodeId: null }, undefined), 'let-go');
  assert.equal(planAttachment(row, node, heard(4)), 'none', 'of an older intent');
  assert.equal(planAttachment(row, node, heard(5, 'detaching')), 'none');
  assert.equal(planAttachment(row, node, heard(5)), 'let-go');
  const attaching = { ...row, attachState: 'attaching' } as const;
  assert.equal(planAttachment(attaching, node, heard(5)), 'none');
  assert.equal(planAttachment(attaching, node, heard(5, 'attached')), 'mark-attached');
  assert.equal(planAttachment({ ...row, attachState: 'attached' }, node, heard(5)), 'none');
});

test('an interface that outlives its instance has no address that the cloud gave with it', async () => {
  await using t = await TestCloud.start();
  const launch = { DeviceIndex: 0, AssociatePublicIpAddress: true, DeleteOnTermination: false };
  const image = await t.registerImage();
  const [id] = await t.launch(image, { NetworkInterfaces: [launch] });
  await t.settleState(id!, 'running');
  const [card] = (await t.describe(id!)).NetworkInterfaces!;
  assert.ok(card!.Association?.PublicIp);
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'terminated');
  const kept = await show(t, card!.NetworkInterfaceId!);
  assert.deepEqual([kept.Status, kept.Association], ['available', undefined]);
  await assert.rejects(
    t.launch(image, {
      NetworkInterfaces: [
        {
          DeviceIndex: 0,
          NetworkInterfaceId: card!.NetworkInterfaceId!,
          AssociatePublicIpAddress: true,
        },
      ],
    }),
    refused('invalid-combination', 'request', 'AssociatePublicIpAddress'),
  );
});

test('interfaces and volumes share the slots of their guest', () => {
  checkSlots(28);
  assert.throws(() => checkSlots(29), refused('limit-exceeded', 'attachment', 'together'));
});

test('an instance is launched with several private addresses, by name or by number', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const { SubnetId, CidrBlock } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const near = (last: number) => CidrBlock!.replace(/\d+\/\d+$/, String(last));
  const launch = (more: object, count = {}) =>
    t.launch(image, { NetworkInterfaces: [{ DeviceIndex: 0, SubnetId, ...more }], ...count });
  const addressesOf = async (id: string) =>
    (await t.describe(id)).NetworkInterfaces![0]!.PrivateIpAddresses!.map((one) => [
      one.PrivateIpAddress,
      one.Primary,
    ]);
  const PrivateIpAddresses = [
    { PrivateIpAddress: near(41), Primary: false },
    { PrivateIpAddress: near(40), Primary: true },
  ];
  const [named] = await launch({ PrivateIpAddresses });
  assert.deepEqual(await addressesOf(named!), [
    [near(40), true],
    [near(41), false],
  ]);
  const [numbered] = await launch({ SecondaryPrivateIpAddressCount: 2 });
  assert.equal((await addressesOf(numbered!)).length, 3);
  const own = { InstanceId: numbered! };
  const { LaunchTemplateData } = await t.call('GetLaunchTemplateData', own);
  const [card] = LaunchTemplateData!.NetworkInterfaces!;
  assert.equal(card!.SecondaryPrivateIpAddressCount, 2);
  await t.settleState(named!, 'running');
  const both = { PrivateIpAddresses, SecondaryPrivateIpAddressCount: 1 };
  await assert.rejects(launch(both), refused('invalid-combination', 'request'));
  const nameless = launch({ PrivateIpAddresses: [...PrivateIpAddresses, { Primary: false }] });
  await assert.rejects(nameless, refused('missing-parameter', 'request', 'PrivateIpAddress'));
  const twice = launch({ PrivateIpAddresses }, { MinCount: 2, MaxCount: 2 });
  await assert.rejects(twice, refused('invalid-combination', 'request'));
  const far = launch({ SecondaryPrivateIpAddressCount: 1_000 });
  await assert.rejects(far, refused('limit-exceeded', 'private-address'));
});

test('an address that a launch names for one interface is not given to another one by itself', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const { SubnetId, CidrBlock } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const near = (last: number) => CidrBlock!.replace(/\d+\/\d+$/, String(last));
  // The first free ones are 4 and on.
  const launch = [
    { DeviceIndex: 0, SubnetId, SecondaryPrivateIpAddressCount: 2 },
    {
      ...{ DeviceIndex: 1, SubnetId },
      PrivateIpAddresses: [{ PrivateIpAddress: near(6), Primary: true }],
    },
  ];
  const [id] = await t.launch(image, { NetworkInterfaces: launch });
  const cards = (await t.describe(id!)).NetworkInterfaces!;
  assert.deepEqual(
    cards.map((card) => card.PrivateIpAddresses!.map((one) => one.PrivateIpAddress)),
    [[near(4), near(5), near(7)], [near(6)]],
  );
  const { NetworkInterface } = await t.call('CreateNetworkInterface', {
    ...{ SubnetId: SubnetId! },
    PrivateIpAddresses: [{ PrivateIpAddress: near(8), Primary: false }],
  });
  assert.deepEqual(
    NetworkInterface!.PrivateIpAddresses!.map((one) => one.PrivateIpAddress),
    [near(9), near(8)],
  );
});

test('with Force a guest that does not let go is told to be without, also when it was asked before', async () => {
  await using t = await TestCloud.start();
  const [id] = await t.launch(await t.registerImage());
  await t.settleState(id!, 'running');
  const eni = await makeInterface(t);
  const wish = { NetworkInterfaceId: eni, InstanceId: id!, DeviceIndex: 1 };
  const { AttachmentId } = await t.call('AttachNetworkInterface', wish);
  await t.settle('attached', async () => (await show(t, eni)).Attachment?.Status === 'attached');
  const cut = () => t.cluster.getIntent(id as InstanceId).cutInterfaces;
  const seen = [] as (string[] | undefined)[];
  await t.call('DetachNetworkInterface', { AttachmentId: AttachmentId! });
  await t.call('DetachNetworkInterface', { AttachmentId: AttachmentId!, Force: true });
  await t.settle('free', async () => {
    seen.push(cut());
    return (await show(t, eni)).Status === 'available';
  });
  assert.ok(seen.some((ids) => ids?.[0] === eni));
  await t.call('AttachNetworkInterface', wish);
  await t.settle('attached', async () => (await show(t, eni)).Attachment?.Status === 'attached');
  assert.equal(cut(), undefined);
});
