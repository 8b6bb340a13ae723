// Owns the networks of an account that has one of everything, beside its default VPC.

import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';

export interface AccountNetwork {
  /** Without anything in it. */
  bareVpc: string;
  /** Two blocks, a gateway, two subnets, of which one follows a route table of its own. */
  ownVpc: string;
  cidrAssociation: string;
  gateway: string;
  ownSubnet: string;
  freeSubnet: string;
  routeTable: string;
  tableAssociation: string;
  /** Followed by none. */
  freeTable: string;
  /** Attached to none. */
  freeGateway: string;
  /** In `ownVpc`, used by none, with the rule. */
  ownGroup: string;
  ingressRule: string;
  /** Of no instance; with {@link SECOND_ADDRESS} besides its first. */
  freeInterface: string;
  /** Used by none. */
  allocation: string;
  publicIp: string;
  /** Of `freeInterface`. */
  addressAssociation: string;
  natGateway: string;
  /** Of `ownVpc`, with {@link ENTRY}; followed by no subnet. */
  networkAcl: string;
  /** Of `freeSubnet`. */
  aclAssociation: string;
  /** Of no VPC. */
  dhcpOptions: string;
  /** Of the default VPC. */
  mainGateway: string;
  /** From `ownVpc` to `bareVpc`, not accepted yet. */
  peering: string;
  /** In `ownVpc`, without IPv6, and a block that it may have. */
  plainSubnet: string;
  ipv6Block: string;
  /** Of `freeSubnet`, in which nobody has an address. */
  ipv6Association: string;
  /** Of `freeInterface`. */
  ipv6Address: string;
  egressOnly: string;
  /** Of `ownVpc`. */
  flowLog: string;
}

/** The same in every account: private networks may be. */
export const SECOND_ADDRESS = '10.1.1.9';

export const SSH = {
  IpProtocol: 'tcp',
  FromPort: 22,
  ToPort: 22,
  IpRanges: [{ CidrIp: '198.51.100.0/24' }],
};

/** What every flow log needs, but for what it is of. */
export function flowLogIn(bucket: string) {
  const kept = { LogDestinationType: 's3', LogDestination: `arn:aws:s3:::${bucket}` } as const;
  return { ...kept, TrafficType: 'ALL' as const };
}

export async function makeAccountNetwork(ec2: Ec2Client, bucket: string): Promise<AccountNetwork> {
  const bare = await ec2.call('CreateVpc', { CidrBlock: '10.0.0.0/16' });
  const own = (await ec2.call('CreateVpc', { CidrBlock: '10.1.0.0/16' })).Vpc!.VpcId!;
  const more = await ec2.call('AssociateVpcCidrBlock', { VpcId: own, CidrBlock: '10.2.0.0/16' });
  const gateway = await makeGateway(ec2);
  await ec2.call('AttachInternetGateway', { InternetGatewayId: gateway, VpcId: own });
  const subnets = await Promise.all(
    ['10.1.1.0/24', '10.1.2.0/24', '10.1.3.0/24'].map((CidrBlock) =>
      ec2.call('CreateSubnet', { VpcId: own, CidrBlock }),
    ),
  );
  const [ownSubnet, freeSubnet, plainSubnet] = subnets.map(({ Subnet }) => Subnet!.SubnetId!);
  const { InternetGateways } = await ec2.call('DescribeInternetGateways', {});
  const blocks = await makeIpv6(ec2, own, [ownSubnet!, freeSubnet!]);
  const addresses = await makeAddresses(ec2, ownSubnet!);
  const between = { VpcId: own, PeerVpcId: bare.Vpc!.VpcId! };
  const asked = await ec2.call('CreateVpcPeeringConnection', between);
  const ofOwn = { ...flowLogIn(bucket), ResourceType: 'VPC' as const, ResourceIds: [own] };
  const { FlowLogIds } = await ec2.call('CreateFlowLogs', ofOwn);
  return {
    bareVpc: bare.Vpc!.VpcId!,
    ownVpc: own,
    cidrAssociation: more.CidrBlockAssociation!.AssociationId!,
    gateway,
    ownSubnet: ownSubnet!,
    freeSubnet: freeSubnet!,
    ...(await makeRoutes(ec2, own, ownSubnet!, gateway)),
    ...(await makeGroup(ec2, own)),
    ...addresses,
    ...(await makeFollowed(ec2, own, freeSubnet!)),
    ...{ plainSubnet: plainSubnet!, ...blocks },
    ipv6Address: await giveIpv6(ec2, addresses.freeInterface),
    flowLog: FlowLogIds![0]!,
    peering: asked.VpcPeeringConnection!.VpcPeeringConnectionId!,
    mainGateway: InternetGateways!.find(
      (one) => one.Attachments![0] !== undefined && one.Attachments![0].VpcId !== own,
    )!.InternetGatewayId!,
    freeGateway: await makeGateway(ec2),
  };
}

async function makeIpv6(ec2: Ec2Client, VpcId: string, subnets: string[]) {
  const wish = { VpcId, AmazonProvidedIpv6CidrBlock: true };
  const { Ipv6CidrBlockAssociation: given } = await ec2.call('AssociateVpcCidrBlock', wish);
  /** Numbers of two digits stand at the end of the first /64 of a /56. */
  const blockOf = (number: number) => given!.Ipv6CidrBlock!.replace(/00::\/56$/, `0${number}::/64`);
  const associations = await Promise.all(
    subnets.map((SubnetId, index) =>
      ec2.call('AssociateSubnetCidrBlock', { SubnetId, Ipv6CidrBlock: blockOf(index + 1) }),
    ),
  );
  const { EgressOnlyInternetGateway } = await ec2.call('CreateEgressOnlyInternetGateway', {
    VpcId,
  });
  return {
    ipv6Block: blockOf(9),
    ipv6Association: associations.at(-1)!.Ipv6CidrBlockAssociation!.AssociationId!,
    egressOnly: EgressOnlyInternetGateway!.EgressOnlyInternetGatewayId!,
  };
}

async function giveIpv6(ec2: Ec2Client, NetworkInterfaceId: string): Promise<string> {
  const wish = { NetworkInterfaceId, Ipv6AddressCount: 1 };
  return (await ec2.call('AssignIpv6Addresses', wish)).AssignedIpv6Addresses![0]!;
}

async function makeGateway(ec2: Ec2Client): Promise<string> {
  return (await ec2.call('CreateInternetGateway', {})).InternetGateway!.InternetGatewayId!;
}

async function makeRoutes(ec2: Ec2Client, VpcId: string, SubnetId: string, GatewayId: string) {
  const make = async () =>
    (await ec2.call('CreateRouteTable', { VpcId })).RouteTable!.RouteTableId!;
  const routeTable = await make();
  const route = { RouteTableId: routeTable, DestinationCidrBlock: '0.0.0.0/0', GatewayId };
  await ec2.call('CreateRoute', route);
  const where = { RouteTableId: routeTable, SubnetId };
  const { AssociationId } = await ec2.call('AssociateRouteTable', where);
  return { routeTable, tableAssociation: AssociationId!, freeTable: await make() };
}

export const ENTRY = {
  RuleNumber: 10,
  Egress: false,
  Protocol: '-1',
  RuleAction: 'allow',
  CidrBlock: '198.51.100.0/24',
} as const;

async function makeFollowed(ec2: Ec2Client, VpcId: string, subnet: string) {
  const { NetworkAcl } = await ec2.call('CreateNetworkAcl', { VpcId });
  const networkAcl = NetworkAcl!.NetworkAclId!;
  await ec2.call('CreateNetworkAclEntry', { ...ENTRY, NetworkAclId: networkAcl });
  const { DhcpOptions } = await ec2.call('CreateDhcpOptions', {
    DhcpConfigurations: [{ Key: 'domain-name', Values: ['own.test'] }],
  });
  const Filters = [{ Name: 'association.subnet-id', Values: [subnet] }];
  const { NetworkAcls } = await ec2.call('DescribeNetworkAcls', { Filters });
  const of = NetworkAcls![0]!.Associations!.find(({ SubnetId }) => SubnetId === subnet);
  return {
    networkAcl,
    aclAssociation: of!.NetworkAclAssociationId!,
    dhcpOptions: DhcpOptions!.DhcpOptionsId!,
  };
}

async function makeGroup(ec2: Ec2Client, VpcId: string) {
  const wish = { GroupName: 'own', Description: 'one of its own', VpcId };
  const { GroupId } = await ec2.call('CreateSecurityGroup', wish);
  const rule = { GroupId: GroupId!, IpPermissions: [SSH] };
  const { SecurityGroupRules } = await ec2.call('AuthorizeSecurityGroupIngress', rule);
  return { ownGroup: GroupId!, ingressRule: SecurityGroupRules![0]!.SecurityGroupRuleId! };
}

async function makeAddresses(ec2: Ec2Client, SubnetId: string) {
  const PrivateIpAddresses = [
    { Primary: true, PrivateIpAddress: '10.1.1.8' },
    { PrivateIpAddress: SECOND_ADDRESS },
  ];
  const { NetworkInterface: made } = await ec2.call('CreateNetworkInterface', {
    SubnetId,
    PrivateIpAddresses,
  });
  const NetworkInterfaceId = made!.NetworkInterfaceId!;
  const [free, held, translated] = await Promise.all(
    Array.from({ length: 3 }, () => ec2.call('AllocateAddress', {})),
  );
  const { AssociationId } = await ec2.call('AssociateAddress', {
    AllocationId: held!.AllocationId!,
    NetworkInterfaceId,
  });
  const { NatGateway } = await ec2.call('CreateNatGateway', {
    SubnetId,
    AllocationId: translated!.AllocationId!,
  });
  return {
    freeInterface: NetworkInterfaceId,
    allocation: free!.AllocationId!,
    publicIp: free!.PublicIp!,
    addressAssociation: AssociationId!,
    natGateway: NatGateway!.NatGatewayId!,
  };
}
