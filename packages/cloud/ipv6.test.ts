// Owns the tests of IPv6 in VPCs through its actions: blocks, addresses, rules, routes, and what the zone is told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VpcId } from '@ironbark/core/ids.ts';
import { parseBlock6, renderIpv6 } from '@ironbark/core/ipv6.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

const BLOCK = /^fd[0-9a-f]{2}:[0-9a-f:]+::\/56$/;

async function makeVpc(t: TestCloud): Promise<{ id: VpcId; block: string }> {
  const wish = { CidrBlock: '10.0.0.0/16', AmazonProvidedIpv6CidrBlock: true };
  const { Vpc } = await t.call('CreateVpc', wish);
  const [one] = Vpc!.Ipv6CidrBlockAssociationSet!;
  assert.equal(one!.Ipv6CidrBlockState!.State, 'associating');
  return { id: Vpc!.VpcId as VpcId, block: one!.Ipv6CidrBlock! };
}

/** The /64 of that number, 255 at most. */
function part(block: string, number: number): string {
  return `${renderIpv6(parseBlock6(block)!.base + (BigInt(number) << 64n))}/64`;
}

/** The address of that number in a /64. */
function inside(cidr: string, number: number): string {
  return renderIpv6(parseBlock6(cidr)!.base + BigInt(number));
}

async function makeSubnet(t: TestCloud, vpc: { id: VpcId; block: string }, number = 1) {
  const wish = { VpcId: vpc.id, CidrBlock: `10.0.${number}.0/24` };
  const Ipv6CidrBlock = part(vpc.block, number);
  const { Subnet } = await t.call('CreateSubnet', { ...wish, Ipv6CidrBlock });
  return { id: Subnet!.SubnetId!, cidr: Ipv6CidrBlock };
}

test('a VPC gets a block of the cloud, of which subnets have parts, and both go again', async () => {
  await using t = await TestCloud.start();
  const [vpc, other] = [await makeVpc(t), await makeVpc(t)];
  assert.match(vpc.block, BLOCK);
  assert.notEqual(vpc.block, other.block);
  const filters = [{ Name: 'ipv6-cidr-block-association.ipv6-cidr-block', Values: [vpc.block] }];
  const { Vpcs } = await t.call('DescribeVpcs', { Filters: filters });
  assert.deepEqual(
    Vpcs!.map(({ VpcId }) => VpcId),
    [vpc.id],
  );
  const [association] = Vpcs![0]!.Ipv6CidrBlockAssociationSet!;
  assert.equal(association!.Ipv6Pool, 'Amazon');
  assert.deepEqual(association!.Ipv6CidrBlockState, { State: 'associated' });
  const subnet = await makeSubnet(t, vpc);
  const shown = (await t.call('DescribeSubnets', { SubnetIds: [subnet.id] })).Subnets![0]!;
  const [own] = shown.Ipv6CidrBlockAssociationSet!;
  assert.equal(own!.Ipv6CidrBlock, subnet.cidr);
  assert.match(own!.AssociationId!, /^subnet-cidr-assoc-/);
  const AssociationId = association!.AssociationId!;
  await assert.rejects(
    t.call('DisassociateVpcCidrBlock', { AssociationId }),
    refused('dependency-violation', 'vpc', 'has subnets'),
  );
  const parted = await t.call('DisassociateSubnetCidrBlock', {
    AssociationId: own!.AssociationId!,
  });
  assert.equal(parted.Ipv6CidrBlockAssociation!.Ipv6CidrBlockState!.State, 'disassociating');
  const gone = await t.call('DisassociateVpcCidrBlock', { AssociationId });
  assert.equal(gone.Ipv6CidrBlockAssociation!.Ipv6CidrBlock, vpc.block);
  const after = (await t.call('DescribeVpcs', { VpcIds: [vpc.id] })).Vpcs![0]!;
  assert.deepEqual(after.Ipv6CidrBlockAssociationSet, []);
  await t.call('DeleteVpc', { VpcId: other.id });
});

test('a subnet has one part of its VPC’s block, a /64 that no other has', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  const subnet = await makeSubnet(t, vpc);
  const wish = { VpcId: vpc.id, CidrBlock: '10.0.9.0/24' };
  const strange = ['2001:db8::/64', vpc.block, 'nothing', `${vpc.block.slice(0, -2)}63`];
  for (const Ipv6CidrBlock of strange) {
    await assert.rejects(
      t.call('CreateSubnet', { ...wish, Ipv6CidrBlock }),
      refused('invalid-parameter', 'subnet'),
      Ipv6CidrBlock,
    );
  }
  await assert.rejects(
    t.call('CreateSubnet', { ...wish, Ipv6CidrBlock: subnet.cidr }),
    refused('duplicate', 'subnet', 'conflicts'),
  );
  const native = { VpcId: vpc.id, Ipv6Native: true };
  const Ipv6CidrBlock = part(vpc.block, 8);
  await assert.rejects(t.call('CreateSubnet', native), refused('missing-parameter', 'request'));
  await assert.rejects(
    t.call('CreateSubnet', { ...native, Ipv6CidrBlock }),
    refused('unsupported', 'action', 'without IPv4'),
  );
  const more = { SubnetId: subnet.id, Ipv6CidrBlock: part(vpc.block, 7) };
  await assert.rejects(t.call('AssociateSubnetCidrBlock', more), refused('duplicate', 'subnet'));
  const { Vpcs } = await t.call('DescribeVpcs', {
    Filters: [{ Name: 'isDefault', Values: ['true'] }],
  });
  await assert.rejects(
    t.call('AssociateVpcCidrBlock', {
      VpcId: Vpcs![0]!.VpcId!,
      AmazonProvidedIpv6CidrBlock: true,
    }),
    refused('unsupported', 'action', 'default VPC'),
  );
});

test('interfaces get addresses at random, by name, or as their subnet says, and give them back', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  const subnet = await makeSubnet(t, vpc);
  const create = async (more: object) =>
    (await t.call('CreateNetworkInterface', { SubnetId: subnet.id, ...more })).NetworkInterface!;
  const plain = await create({});
  assert.deepEqual(plain.Ipv6Addresses, []);
  const named = inside(subnet.cidr, 0xabc);
  const chosen = await create({ Ipv6Addresses: [{ Ipv6Address: named.toUpperCase() }] });
  assert.deepEqual(
    chosen.Ipv6Addresses!.map((one) => one.Ipv6Address),
    [named],
  );
  await assert.rejects(
    create({ Ipv6Addresses: [{ Ipv6Address: named }] }),
    refused('in-use', 'address'),
  );
  for (const address of [inside(subnet.cidr, 3), '2001:db8::5', '10.0.1.9']) {
    await assert.rejects(
      create({ Ipv6Addresses: [{ Ipv6Address: address }] }),
      refused('invalid-parameter', 'request', 'usable'),
      address,
    );
  }
  const on = { SubnetId: subnet.id, AssignIpv6AddressOnCreation: { Value: true } };
  await t.call('ModifySubnetAttribute', on);
  assert.equal((await create({})).Ipv6Addresses!.length, 1);
  const NetworkInterfaceId = plain.NetworkInterfaceId!;
  const assign = { NetworkInterfaceId, Ipv6AddressCount: 2 };
  const { AssignedIpv6Addresses } = await t.call('AssignIpv6Addresses', assign);
  const [first] = AssignedIpv6Addresses!;
  const shown = await t.call('DescribeNetworkInterfaces', {
    Filters: [{ Name: 'ipv6-addresses.ipv6-address', Values: [first!] }],
  });
  assert.equal(shown.NetworkInterfaces![0]!.Ipv6Addresses!.length, 2);
  const unassign = { NetworkInterfaceId, Ipv6Addresses: [first!] };
  const { UnassignedIpv6Addresses } = await t.call('UnassignIpv6Addresses', unassign);
  assert.deepEqual(UnassignedIpv6Addresses, [first]);
  await assert.rejects(
    t.call('UnassignIpv6Addresses', unassign),
    refused('invalid-parameter', 'request', 'not assigned'),
  );
});

test('an instance is told its addresses, and so is the zone', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  const subnet = await makeSubnet(t, vpc);
  const image = await t.registerImage();
  const wish = { ImageId: image, MinCount: 1, MaxCount: 1, SubnetId: subnet.id };
  const { Instances } = await t.call('RunInstances', { ...wish, Ipv6AddressCount: 1 });
  const [instance] = Instances!;
  const address = instance!.Ipv6Address!;
  assert.deepEqual(instance!.NetworkInterfaces![0]!.Ipv6Addresses, [
    { Ipv6Address: address, IsPrimaryIpv6: false },
  ]);
  const intent = () => t.cluster.vpcs.get(vpc.id)?.intent;
  await t.settle('the zone is told', () => intent()?.ports[0]?.ipv6Addresses?.[0] === address);
  assert.deepEqual(intent()!.ipv6Cidrs, [vpc.block]);
  const told = intent()!.subnets[0]!;
  assert.deepEqual(told.ipv6, { cidr: subnet.cidr, gatewayIp: inside(subnet.cidr, 1) });
  assert.ok(
    intent()!.groups[0]!.egress.some(({ peer }) => peer.kind === 'cidr' && peer.cidr === '::/0'),
  );
  assert.ok(told.acl.some(({ cidr, isAllowed }) => cidr === '::/0' && isAllowed));
  assert.ok(told.routes.every(({ destination }) => !destination.includes(':')));
  const filters = [{ Name: 'network-interface.ipv6-addresses.ipv6-address', Values: [address] }];
  const { Reservations } = await t.call('DescribeInstances', { Filters: filters });
  assert.equal(Reservations![0]!.Instances![0]!.InstanceId, instance!.InstanceId);
  const own = (await t.call('DescribeSubnets', { SubnetIds: [subnet.id] })).Subnets![0]!;
  const { AssociationId } = own.Ipv6CidrBlockAssociationSet![0]!;
  await assert.rejects(
    t.call('DisassociateSubnetCidrBlock', { AssociationId: AssociationId! }),
    refused('dependency-violation', 'subnet'),
  );
});

test('rules of groups and entries of ACLs are of either family', async () => {
  await using t = await TestCloud.start();
  const { Vpc } = await t.call('CreateVpc', { CidrBlock: '10.0.0.0/16' });
  const VpcId = Vpc!.VpcId!;
  const made = await t.call('CreateSecurityGroup', { VpcId, GroupName: 'web', Description: 'x' });
  const GroupId = made.GroupId!;
  const groupOf = async () =>
    (await t.call('DescribeSecurityGroups', { GroupIds: [GroupId] })).SecurityGroups![0]!;
  assert.deepEqual((await groupOf()).IpPermissionsEgress![0]!.Ipv6Ranges, []);
  await t.call('AssociateVpcCidrBlock', { VpcId, AmazonProvidedIpv6CidrBlock: true });
  const everywhere = [{ CidrIpv6: '::/0' }];
  assert.deepEqual((await groupOf()).IpPermissionsEgress![0]!.Ipv6Ranges, everywhere);
  const ranges = [{ CidrIpv6: '2001:DB8:0:0::5/32', Description: 'office' }];
  const web = { IpProtocol: 'tcp', FromPort: 443, ToPort: 443, Ipv6Ranges: ranges };
  const ping = { IpProtocol: '58', FromPort: 128, ToPort: -1, Ipv6Ranges: everywhere };
  const { SecurityGroupRules } = await t.call('AuthorizeSecurityGroupIngress', {
    ...{ GroupId, IpPermissions: [web, ping] },
  });
  assert.deepEqual(
    SecurityGroupRules!.map(({ CidrIpv6, IpProtocol }) => [CidrIpv6, IpProtocol]),
    [
      ['2001:db8::/32', 'tcp'],
      ['::/0', 'icmpv6'],
    ],
  );
  await assert.rejects(
    t.call('AuthorizeSecurityGroupIngress', { GroupId, IpPermissions: [web] }),
    refused('duplicate', 'permission', 'peer: 2001:db8::/32, TCP, from port: 443'),
  );
  const filters = [{ Name: 'ip-permission.ipv6-cidr', Values: ['2001:db8::/32'] }];
  const found = await t.call('DescribeSecurityGroups', { Filters: filters });
  assert.equal(found.SecurityGroups![0]!.GroupId, GroupId);
  await t.call('RevokeSecurityGroupIngress', { GroupId, IpPermissions: [web] });
  assert.equal((await groupOf()).IpPermissions!.length, 1);

  const aclFilters = [{ Name: 'vpc-id', Values: [VpcId] }];
  const aclOf = async () =>
    (await t.call('DescribeNetworkAcls', { Filters: aclFilters })).NetworkAcls![0]!;
  const numbers = (await aclOf()).Entries!.filter(({ Egress }) => Egress === false);
  assert.deepEqual(
    numbers.map(({ RuleNumber }) => RuleNumber),
    [100, 101, 32_767, 32_768],
  );
  const entry = { NetworkAclId: (await aclOf()).NetworkAclId!, RuleNumber: 50, Egress: false };
  const refusal = { ...entry, Protocol: '-1', RuleAction: 'deny' as const };
  await t.call('CreateNetworkAclEntry', { ...refusal, Ipv6CidrBlock: 'fd00::/8' });
  assert.equal(
    (await aclOf()).Entries!.find((one) => one.RuleNumber === 50)!.Ipv6CidrBlock,
    'fd00::/8',
  );
});

test('a route by IPv6 out of the VPC is shown as what it is, a black hole', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  const { EgressOnlyInternetGateway } = await t.call('CreateEgressOnlyInternetGateway', {
    VpcId: vpc.id,
  });
  const EgressOnlyInternetGatewayId = EgressOnlyInternetGateway!.EgressOnlyInternetGatewayId!;
  const { RouteTable } = await t.call('CreateRouteTable', { VpcId: vpc.id });
  const RouteTableId = RouteTable!.RouteTableId!;
  const DestinationIpv6CidrBlock = '::/0';
  await t.call('CreateRoute', {
    ...{ RouteTableId, DestinationIpv6CidrBlock, EgressOnlyInternetGatewayId },
  });
  const routesOf = async () =>
    (await t.call('DescribeRouteTables', { RouteTableIds: [RouteTableId] })).RouteTables![0]!
      .Routes!;
  const routes = await routesOf();
  assert.ok(
    routes.some((one) => one.DestinationIpv6CidrBlock === vpc.block && one.GatewayId === 'local'),
  );
  const out = routes.find((one) => one.DestinationIpv6CidrBlock === '::/0')!;
  assert.equal(out.EgressOnlyInternetGatewayId, EgressOnlyInternetGatewayId);
  assert.equal(out.State, 'blackhole');
  await assert.rejects(
    t.call('CreateRoute', {
      ...{ RouteTableId, DestinationCidrBlock: '0.0.0.0/0', EgressOnlyInternetGatewayId },
    }),
    refused('invalid-parameter', 'request', 'IPv6'),
  );
  await assert.rejects(
    t.call('DeleteRoute', { RouteTableId, DestinationIpv6CidrBlock: vpc.block }),
    refused('invalid-parameter', 'request', 'local route'),
  );
  await assert.rejects(
    t.call('DeleteVpc', { VpcId: vpc.id }),
    refused('dependency-violation', 'vpc'),
  );
  await t.call('DeleteRoute', { RouteTableId, DestinationIpv6CidrBlock });
  const Tags = [{ Key: 'a', Value: 'b' }];
  await t.call('CreateTags', { Resources: [EgressOnlyInternetGatewayId], Tags });
  const tagged = await t.call('DescribeEgressOnlyInternetGateways', {});
  assert.deepEqual(tagged.EgressOnlyInternetGateways![0]!.Tags, Tags);
  await t.call('DeleteEgressOnlyInternetGateway', { EgressOnlyInternetGatewayId });
  const left = await t.call('DescribeEgressOnlyInternetGateways', {});
  assert.deepEqual(left.EgressOnlyInternetGateways, []);
  await t.call('DeleteRouteTable', { RouteTableId });
  await t.call('DeleteVpc', { VpcId: vpc.id });
});
