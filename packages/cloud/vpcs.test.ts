// Owns the tests of VPCs, subnets, routes, gateways, public addresses and interfaces through their actions.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { AllocationId, VpcId } from '@ironbark/core/ids.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { updateAddress } from './store/addresses.ts';
import { openStore } from './store/store.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

async function makeVpc(t: TestCloud, CidrBlock = '10.0.0.0/16'): Promise<VpcId> {
  return (await t.call('CreateVpc', { CidrBlock })).Vpc!.VpcId as VpcId;
}

async function makeSubnet(t: TestCloud, VpcId: string, CidrBlock: string): Promise<string> {
  return (await t.call('CreateSubnet', { VpcId, CidrBlock })).Subnet!.SubnetId!;
}

/** What the zone was told of it last. */
function told(t: TestCloud, id: VpcId): VpcIntent | undefined {
  return t.cluster.vpcs.get(id)?.intent;
}

test('VPCs may have the same block, and go when nothing is in them, leaving nothing', async () => {
  await using t = await TestCloud.start();
  const before = await t.call('DescribeRouteTables', {});
  const [one, two] = [await makeVpc(t), await makeVpc(t)];
  const { Vpcs } = await t.call('DescribeVpcs', { VpcIds: [one] });
  assert.equal(Vpcs![0]!.CidrBlockAssociationSet![0]!.CidrBlock, '10.0.0.0/16');
  const filters = [{ Name: 'vpc-id', Values: [one] }];
  const tables = await t.call('DescribeRouteTables', { Filters: filters });
  assert.equal(tables.RouteTables![0]!.Associations![0]!.Main, true);
  assert.equal(tables.RouteTables![0]!.Routes![0]!.GatewayId, 'local');
  const acls = await t.call('DescribeNetworkAcls', { Filters: filters });
  assert.equal(acls.NetworkAcls![0]!.IsDefault, true);
  await t.settle('both are told', () => told(t, one) !== undefined && told(t, two) !== undefined);
  const numbers = [one, two].map((id) => told(t, id)!.networkNumber);
  assert.notEqual(numbers[0], numbers[1]);
  const subnet = await makeSubnet(t, one, '10.0.0.0/24');
  await assert.rejects(
    t.call('DeleteVpc', { VpcId: one }),
    refused('dependency-violation', 'vpc', `The vpc '${one}' has dependencies`),
  );
  await t.call('DeleteSubnet', { SubnetId: subnet });
  for (const VpcId of [one, two]) await t.call('DeleteVpc', { VpcId });
  await assert.rejects(t.call('DeleteVpc', { VpcId: one }), refused('not-found', 'vpc'));
  assert.deepEqual(await t.call('DescribeRouteTables', {}), before);
  assert.equal((await t.call('DescribeSecurityGroups', {})).SecurityGroups!.length, 1);
  await t.settle('forgotten', () => told(t, one) === undefined && told(t, two) === undefined);
  const next = await makeVpc(t);
  await t.settle('told', () => told(t, next) !== undefined);
  assert.ok(!numbers.includes(told(t, next)!.networkNumber), 'its number was not theirs');
});

test('a VPC that was deleted before the process ended is forgotten by the next one', async () => {
  let isAway = false;
  const failAt = (step: string) => {
    if (isAway && step.includes('forgetVpcs')) throw new Error('planted');
  };
  await using t = await TestCloud.start({ failAt });
  const id = await makeVpc(t);
  await t.settle('told', () => told(t, id) !== undefined);
  isAway = true;
  await t.call('DeleteVpc', { VpcId: id });
  await t.restart();
  isAway = false;
  await t.settle('forgotten', () => told(t, id) === undefined);
});

test('a VPC may have addresses that are public elsewhere, and its nodes are told of them', async () => {
  await using t = await TestCloud.start();
  const id = await makeVpc(t, '51.7.0.0/16');
  await makeSubnet(t, id, '51.7.1.0/24');
  await t.settle('told', () => told(t, id)?.subnets.length === 1);
  assert.deepEqual(told(t, id)!.cidrs, ['51.7.0.0/16']);
});

test('no VPC is linked with EC2-Classic, which is no more', async () => {
  await using t = await TestCloud.start();
  const id = await makeVpc(t);
  await t.call('CreateTags', { Resources: [id], Tags: [{ Key: 'part', Value: 'a' }] });
  const named = { VpcIds: [id] };
  const { Vpcs } = await t.call('DescribeVpcClassicLink', named);
  const Tags = [{ Key: 'part', Value: 'a' }];
  assert.deepEqual(Vpcs, [{ VpcId: id, ClassicLinkEnabled: false, Tags }]);
  const linked = [{ Name: 'is-classic-link-enabled', Values: ['true'] }];
  assert.deepEqual((await t.call('DescribeVpcClassicLink', { Filters: linked })).Vpcs, []);
  const dns = await t.call('DescribeVpcClassicLinkDnsSupport', named);
  assert.deepEqual(dns.Vpcs, [{ VpcId: id, ClassicLinkDnsSupported: false }]);
  const page = await t.call('DescribeVpcClassicLinkDnsSupport', { MaxResults: 5 });
  assert.equal(page.Vpcs!.length, 2);
});

test('an id of EC2’s alphabet is looked up, and another one is malformed', async () => {
  await using t = await TestCloud.start();
  const show = (...VpcIds: string[]) => t.call('DescribeVpcs', { VpcIds });
  await assert.rejects(show('vpc-0'), refused('not-found', 'vpc', "'vpc-0' does not exist"));
  for (const id of ['vpc-', 'vpc-A', 'vpc-1-2', 'subnet-0', 'x']) {
    await assert.rejects(show(id), refused('malformed-id', 'vpc'));
  }
});

test('blocks of VPCs and subnets have EC2’s limits', async () => {
  await using t = await TestCloud.start();
  const vpc = (CidrBlock: string) => t.call('CreateVpc', { CidrBlock });
  await assert.rejects(vpc('10.0.0.0/8'), refused('invalid-parameter', 'vpc', '10.0.0.0/8'));
  await assert.rejects(vpc('127.8.0.0/16'), refused('invalid-parameter', 'vpc', 'No host'));
  await assert.rejects(
    vpc('203.0.113.0/28'),
    refused('invalid-parameter', 'vpc', 'public addresses'),
  );
  await assert.rejects(vpc('10.0.0.0'), refused('invalid-parameter', 'request', 'CIDR block'));
  await assert.rejects(t.call('CreateVpc', { CidrBlock: '10.0.0.0/16' }, true), refused('dry-run'));
  const id = await makeVpc(t, '10.0.7.9/16');
  const subnet = (CidrBlock: string) => makeSubnet(t, id, CidrBlock);
  const first = await subnet('10.0.0.0/28');
  const show = async () => (await t.call('DescribeSubnets', { SubnetIds: [first] })).Subnets![0]!;
  assert.equal((await show()).AvailableIpAddressCount, 11);
  await assert.rejects(subnet('10.0.0.0/24'), refused('duplicate', 'subnet', 'conflicts'));
  await assert.rejects(
    subnet('10.1.0.0/24'),
    refused('invalid-parameter', 'subnet', '10.1.0.0/24'),
  );
  const wish = { VpcId: id, CidrBlock: '10.1.0.0/24' };
  const { CidrBlockAssociation } = await t.call('AssociateVpcCidrBlock', wish);
  const second = await subnet('10.1.0.0/24');
  const undo = { AssociationId: CidrBlockAssociation!.AssociationId! };
  await assert.rejects(
    t.call('DisassociateVpcCidrBlock', undo),
    refused('dependency-violation', 'vpc'),
  );
  await t.call('DeleteSubnet', { SubnetId: second });
  await t.call('DisassociateVpcCidrBlock', undo);
  const eni = await t.call('CreateNetworkInterface', {
    SubnetId: first,
    SecondaryPrivateIpAddressCount: 2,
  });
  assert.equal((await show()).AvailableIpAddressCount, 8);
  await assert.rejects(
    t.call('DeleteSubnet', { SubnetId: first }),
    refused('dependency-violation', 'subnet'),
  );
  const NetworkInterfaceId = eni.NetworkInterface!.NetworkInterfaceId!;
  const addresses = eni.NetworkInterface!.PrivateIpAddresses!.map((one) => one.PrivateIpAddress!);
  const PrivateIpAddresses = addresses.slice(1);
  await t.call('UnassignPrivateIpAddresses', { NetworkInterfaceId, PrivateIpAddresses });
  assert.equal((await show()).AvailableIpAddressCount, 10);
  await t.call('DeleteNetworkInterface', { NetworkInterfaceId });
  await t.call('DeleteSubnet', { SubnetId: first });
});

test('subnets of default VPCs, which the host routes, are apart whoever has them', async () => {
  await using t = await TestCloud.start();
  const { Vpcs } = await t.call('DescribeVpcs', {});
  const { VpcId, CidrBlock } = Vpcs![0]!;
  const wish = { VpcId: VpcId!, CidrBlock: '172.17.0.0/16' };
  await assert.rejects(t.call('AssociateVpcCidrBlock', wish), refused('unsupported', 'action'));
  const { Subnets } = await t.call('DescribeSubnets', {});
  const [network] = CidrBlock!.split('.0.0/');
  const bob = await t.addAccount('bob');
  const theirs = await t.callAs(bob, 'DescribeVpcs', {});
  const make = (block: string) =>
    t.callAs(bob, 'CreateSubnet', { VpcId: theirs.Vpcs![0]!.VpcId!, CidrBlock: block });
  const conflicts = refused('duplicate', 'subnet', 'default VPCs');
  await assert.rejects(make(Subnets![0]!.CidrBlock!), conflicts);
  await make(`${network}.240.0/24`);
  await assert.rejects(makeSubnet(t, VpcId!, `${network}.240.0/24`), conflicts);
});

test('a count of private addresses is checked before anything is as large as it', async () => {
  await using t = await TestCloud.start();
  const SubnetId = (await t.call('DescribeSubnets', {})).Subnets![0]!.SubnetId!;
  const made = (count: number) =>
    t.call('CreateNetworkInterface', { SubnetId, SecondaryPrivateIpAddressCount: count });
  const { NetworkInterfaceId } = (await made(0)).NetworkInterface!;
  const assigned = (count: number) =>
    t.call('AssignPrivateIpAddresses', {
      NetworkInterfaceId: NetworkInterfaceId!,
      SecondaryPrivateIpAddressCount: count,
    });
  for (const ask of [made, assigned]) {
    const tooMany = refused('limit-exceeded', 'private-address', '50 private');
    for (const count of [50, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
      await assert.rejects(ask(count), tooMany);
    }
    const negative = refused('invalid-parameter', 'request', 'SecondaryPrivateIpAddressCount');
    for (const count of [-1, Number.MIN_SAFE_INTEGER]) await assert.rejects(ask(count), negative);
  }
  assert.equal((await assigned(49)).AssignedPrivateIpAddresses!.length, 49);
  await assert.rejects(assigned(1), refused('limit-exceeded', 'private-address'));
});

test('routes lead where they say, and to nowhere when that is gone', async () => {
  await using t = await TestCloud.start();
  const id = await makeVpc(t);
  const SubnetId = await makeSubnet(t, id, '10.0.0.0/24');
  const { InternetGateway } = await t.call('CreateInternetGateway', {});
  const InternetGatewayId = InternetGateway!.InternetGatewayId!;
  const { RouteTable } = await t.call('CreateRouteTable', { VpcId: id });
  const RouteTableId = RouteTable!.RouteTableId!;
  const route = { RouteTableId, DestinationCidrBlock: '0.0.0.0/0', GatewayId: InternetGatewayId };
  await assert.rejects(
    t.call('CreateRoute', route),
    refused('invalid-parameter', 'request', 'different networks'),
  );
  await t.call('AttachInternetGateway', { InternetGatewayId, VpcId: id });
  await assert.rejects(
    t.call('AttachInternetGateway', { InternetGatewayId, VpcId: id }),
    refused('already-attached', 'internet-gateway'),
  );
  await t.call('CreateRoute', route);
  const { AssociationId } = await t.call('AssociateRouteTable', { RouteTableId, SubnetId });
  const targets = () =>
    told(t, id)
      ?.subnets[0]?.routes.map(({ target }) => target.kind)
      .join(' ') ?? '';
  await t.settle('routed', () => targets() === 'local internet');
  await assert.rejects(
    t.call('DeleteRouteTable', { RouteTableId }),
    refused('dependency-violation', 'route-table'),
  );
  const { AllocationId } = await t.call('AllocateAddress', {});
  const nat = { SubnetId, AllocationId: AllocationId! };
  const { NatGateway } = await t.call('CreateNatGateway', nat);
  const NatGatewayId = NatGateway!.NatGatewayId!;
  const { GatewayId: _gateway, ...rest } = route;
  await t.call('ReplaceRoute', { ...rest, NatGatewayId });
  await t.settle('translated', () => targets() === 'local nat');
  await assert.rejects(
    t.call('DetachInternetGateway', { InternetGatewayId, VpcId: id }),
    refused('dependency-violation', 'internet-gateway', 'mapped public address'),
  );
  await t.call('DeleteNatGateway', { NatGatewayId });
  const shown = await t.call('DescribeRouteTables', { RouteTableIds: [RouteTableId] });
  assert.equal(shown.RouteTables![0]!.Routes![1]!.State, 'blackhole');
  await t.settle('swallowed', () => targets() === 'local blackhole');
  await t.call('DisassociateRouteTable', { AssociationId: AssociationId! });
  await t.settle('main again', () => targets() === 'local');
  await t.call('DetachInternetGateway', { InternetGatewayId, VpcId: id });
  await t.call('DeleteInternetGateway', { InternetGatewayId });
  await t.call('DeleteRouteTable', { RouteTableId });
  await t.call('ReleaseAddress', { AllocationId: AllocationId! });
  await t.call('DeleteSubnet', { SubnetId });
  await t.call('DeleteVpc', { VpcId: id });
});

test('an elastic address moves, replaces an automatic one, and outlives its instance', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const { Subnets } = await t.call('DescribeSubnets', {});
  const { SubnetId, VpcId } = Subnets![0]!;
  await t.call('ModifySubnetAttribute', {
    SubnetId: SubnetId!,
    MapPublicIpOnLaunch: { Value: true },
  });
  const [id] = await t.launch(image);
  await t.settleState(id!, 'running');
  const automatic = (await t.describe(id!)).PublicIpAddress!;
  assert.match(automatic, /^203\.0\.113\./);
  assert.deepEqual((await t.call('DescribeAddresses', {})).Addresses, []);
  const { AllocationId, PublicIp } = await t.call('AllocateAddress', {});
  assert.notEqual(PublicIp, automatic);
  await t.call('AssociateAddress', { AllocationId: AllocationId!, InstanceId: id! });
  assert.equal((await t.describe(id!)).PublicIpAddress, PublicIp);
  const finds = async (Name: string, value: string) => {
    const wish = { Filters: [{ Name, Values: [value] }] };
    return (await t.call('DescribeInstances', wish)).Reservations!.length === 1;
  };
  assert.equal(await finds('ip-address', PublicIp!), true);
  assert.equal(await finds('ip-address', automatic), false);
  assert.equal(await finds('network-interface.association.allocation-id', AllocationId!), true);
  assert.equal(await finds('source-dest-check', 'false'), false);
  await t.call('ModifyInstanceAttribute', { InstanceId: id!, SourceDestCheck: { Value: false } });
  assert.equal(await finds('source-dest-check', 'false'), true);
  const ports = () => told(t, VpcId as VpcId)?.ports ?? [];
  await t.settle('the nodes hear of it', () => ports()[0]?.publicIps[0]?.publicIp === PublicIp);
  assert.equal(ports()[0]!.nodeId, 'node-a');
  const release = () => t.call('ReleaseAddress', { AllocationId: AllocationId! });
  await assert.rejects(release(), refused('in-use', 'address', PublicIp));
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settle('given back', () => ports().length === 0);
  const [address] = (await t.call('DescribeAddresses', {})).Addresses!;
  assert.equal(address!.AssociationId, undefined);
  await release();
});

test('an elastic address is meant by its allocation, as EC2 asks for', async () => {
  await using t = await TestCloud.start();
  const { SubnetId } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const { NetworkInterface } = await t.call('CreateNetworkInterface', { SubnetId: SubnetId! });
  const { NetworkInterfaceId } = NetworkInterface!;
  const PublicIp = (await t.call('AllocateAddress', {})).PublicIp!;
  const wanted = refused('invalid-parameter', 'address', 'You must specify');
  await assert.rejects(t.call('ReleaseAddress', { PublicIp }), wanted);
  await assert.rejects(t.call('DisassociateAddress', { PublicIp }), wanted);
  const map = (address: string) =>
    t.call('AssociateAddress', { NetworkInterfaceId, PublicIp: address });
  await assert.rejects(map(PublicIp), refused('invalid-combination', 'request', 'allocation id'));
  await assert.rejects(map('192.0.2.1'), refused('not-authenticated', 'address', 'not belong'));
  await assert.rejects(map('ip'), refused('invalid-parameter', 'request', 'ip'));
});

test('an elastic address stays with its NAT gateway, and its account, for as long as that lives', async () => {
  await using t = await TestCloud.start();
  const { SubnetId } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const { AllocationId, PublicIp } = await t.call('AllocateAddress', {});
  const allocation = { AllocationId: AllocationId! };
  const { NatGateway } = await t.call('CreateNatGateway', { SubnetId: SubnetId!, ...allocation });
  const { NetworkInterface } = await t.call('CreateNetworkInterface', { SubnetId: SubnetId! });
  const NetworkInterfaceId = NetworkInterface!.NetworkInterfaceId!;
  const managed = refused('operation-not-permitted', 'address', 'NAT gateway');
  for (const AllowReassociation of [undefined, true, false]) {
    const wish = { NetworkInterfaceId, ...allocation, AllowReassociation };
    await assert.rejects(t.call('AssociateAddress', wish), managed);
  }
  const [held] = (await t.call('DescribeAddresses', {})).Addresses!;
  const association = { AssociationId: held!.AssociationId! };
  await assert.rejects(t.call('DisassociateAddress', association), managed);
  const release = () => t.call('ReleaseAddress', allocation);
  await assert.rejects(release(), refused('in-use', 'address', PublicIp));
  const [shown] = (await t.call('DescribeAddresses', {})).Addresses!;
  assert.equal(shown!.NetworkInterfaceId, NatGateway!.NatGatewayAddresses![0]!.NetworkInterfaceId);
  await takeAway(t, allocation.AllocationId as AllocationId);
  await assert.rejects(release(), refused('in-use', 'address', PublicIp));
  await t.call('DeleteNatGateway', { NatGatewayId: NatGateway!.NatGatewayId! });
  await t.call('AssociateAddress', { NetworkInterfaceId, ...allocation });
  await t.call('DeleteNetworkInterface', { NetworkInterfaceId });
  await release();
});

/** What AssociateAddress and DisassociateAddress refuse. */
async function takeAway(t: TestCloud, id: AllocationId): Promise<void> {
  await using store = await openStore(join(t.dataDir, 'cloud.db'));
  await updateAddress(store.query, id, { associationId: null, interfaceId: null, privateIp: null });
}

test('what would have no effect is refused, and what is there can still be read and taken away', async () => {
  await using t = await TestCloud.start();
  const id = await makeVpc(t);
  t.cluster.nodes = t.cluster.nodes.map((node) => ({ ...node, network: 'user' as const }));
  await t.restart();
  await t.settle('known', async () => {
    const made = await t.call('CreateVpc', { CidrBlock: '10.0.0.0/16' }, true).catch((e) => e);
    return refused('unsupported', 'action', 'user-mode networking')(made);
  });
  assert.equal((await t.call('DescribeVpcs', {})).Vpcs!.length, 2);
  await t.call('DeleteVpc', { VpcId: id });
});

test('volumes that guests drive themselves are for the default VPC', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const SubnetId = await makeSubnet(t, await makeVpc(t), '10.0.0.0/24');
  const tags = [{ Key: 'ironbark:attach-mode', Value: 'guest' }];
  const launch = t.launch(image, {
    SubnetId,
    BlockDeviceMappings: [{ DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1 } }],
    TagSpecifications: [{ ResourceType: 'volume', Tags: tags }],
  });
  await assert.rejects(launch, refused('unsupported', undefined, 'default VPC'));
  const [id] = await t.launch(image, { SubnetId });
  await t.settleState(id!, 'running');
  assert.match((await t.describe(id!)).PrivateIpAddress!, /^10\.0\.0\./);
});

test('an account that deleted its default VPC can have another', async () => {
  await using t = await TestCloud.start();
  const { Vpcs } = await t.call('DescribeVpcs', {});
  await assert.rejects(t.call('CreateDefaultVpc', {}), refused('duplicate', 'default-vpc'));
  const { VpcId } = Vpcs![0]!;
  const { InternetGateways } = await t.call('DescribeInternetGateways', {});
  const { InternetGatewayId } = InternetGateways![0]!;
  const { Subnets } = await t.call('DescribeSubnets', {});
  const gateway = { InternetGatewayId: InternetGatewayId!, VpcId: VpcId! };
  await t.call('DeleteSubnet', { SubnetId: Subnets![0]!.SubnetId! });
  await t.call('CreateDefaultSubnet', { AvailabilityZone: 'us-east-1a' });
  const again = await t.call('DescribeSubnets', {});
  await t.call('DeleteSubnet', { SubnetId: again.Subnets![0]!.SubnetId! });
  await t.call('DetachInternetGateway', gateway);
  await t.call('DeleteInternetGateway', { InternetGatewayId: InternetGatewayId! });
  await t.call('DeleteVpc', { VpcId: VpcId! });
  const group = { GroupName: 'x', Description: 'x' };
  await assert.rejects(t.call('CreateSecurityGroup', group), refused('not-found', 'default-vpc'));
  const { Vpc } = await t.call('CreateDefaultVpc', {});
  assert.deepEqual([Vpc!.IsDefault, Vpc!.CidrBlock], [true, '172.31.0.0/16']);
});
