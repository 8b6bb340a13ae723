// Owns the rows of the authorization matrix for networks: VPCs and what is in them.

import { ENTRY, flowLogIn, SECOND_ADDRESS, SSH } from './account-network.ts';
import type { AccountResources } from './account-resources.ts';

type Input = Readonly<Record<string, unknown>>;

const HTTPS = { ...SSH, FromPort: 443, ToPort: 443 };

export const NETWORK_ROWS: Readonly<Record<string, (own: AccountResources) => Input>> = {
  AcceptVpcPeeringConnection: (own) => ({ VpcPeeringConnectionId: own.peering }),
  AllocateAddress: () => ({}),
  AssignIpv6Addresses: (own) => ({ NetworkInterfaceId: own.freeInterface, Ipv6AddressCount: 1 }),
  AssociateSubnetCidrBlock: (own) => ({
    SubnetId: own.plainSubnet,
    Ipv6CidrBlock: own.ipv6Block,
  }),
  CreateEgressOnlyInternetGateway: (own) => ({ VpcId: own.ownVpc }),
  CreateFlowLogs: (own) => ({
    ...flowLogIn(own.logBucket),
    ...{ ResourceType: 'Subnet', ResourceIds: [own.ownSubnet] },
  }),
  DeleteFlowLogs: (own) => ({ FlowLogIds: [own.flowLog] }),
  DescribeFlowLogs: () => ({}),
  CreateVpcPeeringConnection: (own) => ({ VpcId: own.bareVpc, PeerVpcId: own.vpc }),
  DeleteEgressOnlyInternetGateway: (own) => ({ EgressOnlyInternetGatewayId: own.egressOnly }),
  DeleteVpcPeeringConnection: (own) => ({ VpcPeeringConnectionId: own.peering }),
  DescribeEgressOnlyInternetGateways: () => ({}),
  DescribeVpcPeeringConnections: () => ({}),
  DisassociateSubnetCidrBlock: (own) => ({ AssociationId: own.ipv6Association }),
  RejectVpcPeeringConnection: (own) => ({ VpcPeeringConnectionId: own.peering }),
  UnassignIpv6Addresses: (own) => ({
    NetworkInterfaceId: own.freeInterface,
    Ipv6Addresses: [own.ipv6Address],
  }),
  AssociateDhcpOptions: (own) => ({ DhcpOptionsId: own.dhcpOptions, VpcId: own.bareVpc }),
  CreateDhcpOptions: () => ({ DhcpConfigurations: [{ Key: 'domain-name', Values: ['a.test'] }] }),
  CreateNetworkAcl: (own) => ({ VpcId: own.ownVpc }),
  CreateNetworkAclEntry: (own) => ({ ...ENTRY, NetworkAclId: own.networkAcl, RuleNumber: 20 }),
  DeleteDhcpOptions: (own) => ({ DhcpOptionsId: own.dhcpOptions }),
  DeleteNetworkAcl: (own) => ({ NetworkAclId: own.networkAcl }),
  DeleteNetworkAclEntry: (own) => ({
    NetworkAclId: own.networkAcl,
    RuleNumber: ENTRY.RuleNumber,
    Egress: ENTRY.Egress,
  }),
  DescribeDhcpOptions: () => ({}),
  ReplaceNetworkAclAssociation: (own) => ({
    AssociationId: own.aclAssociation,
    NetworkAclId: own.networkAcl,
  }),
  ReplaceNetworkAclEntry: (own) => ({ ...ENTRY, NetworkAclId: own.networkAcl }),
  AssignPrivateIpAddresses: (own) => ({
    NetworkInterfaceId: own.freeInterface,
    SecondaryPrivateIpAddressCount: 1,
  }),
  AssociateAddress: (own) => ({ AllocationId: own.allocation, InstanceId: own.running }),
  AssociateRouteTable: (own) => ({ RouteTableId: own.freeTable, SubnetId: own.freeSubnet }),
  AssociateVpcCidrBlock: (own) => ({ VpcId: own.bareVpc, CidrBlock: '10.99.0.0/16' }),
  AttachInternetGateway: (own) => ({ InternetGatewayId: own.freeGateway, VpcId: own.bareVpc }),
  AttachNetworkInterface: (own) => ({
    NetworkInterfaceId: own.networkInterface,
    InstanceId: own.running,
    DeviceIndex: 1,
  }),
  AuthorizeSecurityGroupEgress: (own) => ({ GroupId: own.ownGroup, IpPermissions: [HTTPS] }),
  AuthorizeSecurityGroupIngress: (own) => ({ GroupId: own.ownGroup, IpPermissions: [HTTPS] }),
  CreateDefaultSubnet: () => ({}),
  CreateDefaultVpc: () => ({}),
  CreateInternetGateway: () => ({}),
  CreateNatGateway: (own) => ({ SubnetId: own.ownSubnet, AllocationId: own.allocation }),
  CreateNetworkInterface: (own) => ({ SubnetId: own.ownSubnet }),
  CreateRoute: (own) => ({
    RouteTableId: own.freeTable,
    DestinationCidrBlock: '0.0.0.0/0',
    GatewayId: own.gateway,
  }),
  CreateRouteTable: (own) => ({ VpcId: own.ownVpc }),
  CreateSecurityGroup: (own) => ({ GroupName: `${own.mark}-more`, Description: 'one more' }),
  CreateSubnet: (own) => ({ VpcId: own.bareVpc, CidrBlock: '10.0.9.0/24' }),
  CreateVpc: () => ({ CidrBlock: '10.0.0.0/16' }),
  DeleteInternetGateway: (own) => ({ InternetGatewayId: own.freeGateway }),
  DeleteNatGateway: (own) => ({ NatGatewayId: own.natGateway }),
  DeleteNetworkInterface: (own) => ({ NetworkInterfaceId: own.freeInterface }),
  DeleteRoute: (own) => ({ RouteTableId: own.routeTable, DestinationCidrBlock: '0.0.0.0/0' }),
  DeleteRouteTable: (own) => ({ RouteTableId: own.freeTable }),
  DeleteSecurityGroup: (own) => ({ GroupId: own.ownGroup }),
  DeleteSubnet: (own) => ({ SubnetId: own.freeSubnet }),
  DeleteVpc: (own) => ({ VpcId: own.bareVpc }),
  DescribeAddresses: () => ({}),
  DescribeAddressesAttribute: () => ({}),
  DescribeInternetGateways: () => ({}),
  DescribeNatGateways: () => ({}),
  DescribeNetworkAcls: () => ({}),
  DescribeNetworkInterfaceAttribute: (own) => ({
    NetworkInterfaceId: own.freeInterface,
    Attribute: 'groupSet',
  }),
  DescribeNetworkInterfaces: () => ({}),
  DescribeRouteTables: () => ({}),
  DescribeSecurityGroupReferences: (own) => ({ GroupId: [own.ownGroup] }),
  DescribeSecurityGroupRules: () => ({}),
  DescribeSecurityGroups: () => ({}),
  DescribeSubnets: () => ({}),
  DescribeVpcAttribute: (own) => ({ VpcId: own.vpc, Attribute: 'enableDnsSupport' }),
  DescribeVpcClassicLink: () => ({}),
  DescribeVpcClassicLinkDnsSupport: () => ({}),
  DescribeVpcs: () => ({}),
  DetachNetworkInterface: (own) => ({ AttachmentId: own.interfaceAttachment }),
  GetSecurityGroupsForVpc: (own) => ({ VpcId: own.vpc }),
  DetachInternetGateway: (own) => ({ InternetGatewayId: own.mainGateway, VpcId: own.vpc }),
  DisassociateAddress: (own) => ({ AssociationId: own.addressAssociation }),
  DisassociateRouteTable: (own) => ({ AssociationId: own.tableAssociation }),
  DisassociateVpcCidrBlock: (own) => ({ AssociationId: own.cidrAssociation }),
  ModifyNetworkInterfaceAttribute: (own) => ({
    NetworkInterfaceId: own.freeInterface,
    Groups: [own.ownGroup],
  }),
  ModifySecurityGroupRules: (own) => ({
    GroupId: own.ownGroup,
    SecurityGroupRules: [{ SecurityGroupRuleId: own.ingressRule, SecurityGroupRule: RULE }],
  }),
  ModifySubnetAttribute: (own) => ({
    SubnetId: own.ownSubnet,
    MapPublicIpOnLaunch: { Value: true },
  }),
  ModifyVpcAttribute: (own) => ({ VpcId: own.ownVpc, EnableDnsHostnames: { Value: true } }),
  ReleaseAddress: (own) => ({ AllocationId: own.allocation }),
  ReplaceRoute: (own) => ({
    RouteTableId: own.routeTable,
    DestinationCidrBlock: '0.0.0.0/0',
    NetworkInterfaceId: own.freeInterface,
  }),
  ReplaceRouteTableAssociation: (own) => ({
    AssociationId: own.tableAssociation,
    RouteTableId: own.freeTable,
  }),
  ResetNetworkInterfaceAttribute: (own) => ({
    NetworkInterfaceId: own.freeInterface,
    SourceDestCheck: 'true',
  }),
  RevokeSecurityGroupEgress: (own) => ({ GroupId: own.ownGroup, IpPermissions: [EVERYTHING] }),
  RevokeSecurityGroupIngress: (own) => ({
    GroupId: own.ownGroup,
    SecurityGroupRuleIds: [own.ingressRule],
  }),
  UnassignPrivateIpAddresses: (own) => ({
    NetworkInterfaceId: own.freeInterface,
    PrivateIpAddresses: [SECOND_ADDRESS],
  }),
  UpdateSecurityGroupRuleDescriptionsEgress: (own) => ({
    GroupId: own.ownGroup,
    IpPermissions: [EVERYTHING],
  }),
  UpdateSecurityGroupRuleDescriptionsIngress: (own) => ({
    GroupId: own.ownGroup,
    SecurityGroupRuleDescriptions: [{ SecurityGroupRuleId: own.ingressRule, Description: 'ssh' }],
  }),
};

const EVERYTHING = { IpProtocol: '-1', IpRanges: [{ CidrIp: '0.0.0.0/0' }] };
const RULE = { IpProtocol: 'tcp', FromPort: 80, ToPort: 80, CidrIpv4: '0.0.0.0/0' };

/** What an account that has what it asks for is told, where others are told that it would succeed. */
export const HAS_IT_ALREADY: Readonly<Record<string, string>> = {
  AttachNetworkInterface: 'InvalidNetworkInterface.InUse',
  DetachNetworkInterface: 'OperationNotPermitted',
  CreateDefaultSubnet: 'DefaultSubnetAlreadyExistsInAvailabilityZone',
  CreateDefaultVpc: 'DefaultVpcAlreadyExists',
};

type Of = (other: AccountResources) => string;

function ref(of: Of, code: string, without: readonly string[] = []) {
  return { of, code, without };
}

const GROUP: Of = (other) => other.ownGroup;
const RULE_ID = ref((other) => other.ingressRule, 'InvalidSecurityGroupRuleId.NotFound');
const INTERFACE = ref((other) => other.freeInterface, 'InvalidNetworkInterfaceID.NotFound');
const ALLOCATION = ref((other) => other.allocation, 'InvalidAllocationID.NotFound', ['PublicIp']);
const GATEWAY = ref((other) => other.gateway, 'InvalidInternetGatewayID.NotFound');
const TABLE = ref((other) => other.routeTable, 'InvalidRouteTableID.NotFound');
const NAT = ref((other) => other.natGateway, 'NatGatewayNotFound');
const PEERING = ref((other) => other.peering, 'InvalidVpcPeeringConnectionID.NotFound');
const EGRESS_ONLY = ref((other) => other.egressOnly, 'InvalidGatewayID.NotFound');
const TARGETS = ['GatewayId', 'NetworkInterfaceId', 'NatGatewayId', 'InstanceId'];
const REFUSED = 'UnsupportedOperation';

/** Of routes each has one. */
const target = (of: Of, code: string) => ref(of, code, TARGETS);
const refused = (of: Of) => ref(of, REFUSED);

const OF_ROUTE = {
  GatewayId: target(GATEWAY.of, 'InvalidGatewayID.NotFound'),
  NetworkInterfaceId: target(INTERFACE.of, INTERFACE.code),
  NatGatewayId: target(NAT.of, NAT.code),
  InstanceId: target((other) => other.running, 'InvalidInstanceID.NotFound'),
  VpcPeeringConnectionId: target(PEERING.of, PEERING.code),
  // Here it is for an IPv4 block.
  EgressOnlyInternetGatewayId: undefined,
};

function ofActions(names: readonly string[], references: object) {
  return Object.fromEntries(
    names.flatMap((name) =>
      Object.entries(references).map(([path, reference]) => [`${name} ${path}`, reference]),
    ),
  );
}

/** As in matrix-actions. */
export const NETWORK_REFERENCES = {
  ...ofActions(['CreateRoute', 'ReplaceRoute'], OF_ROUTE),
  NetworkInterfaceId: INTERFACE,
  EgressOnlyInternetGatewayId: EGRESS_ONLY,
  'EgressOnlyInternetGatewayIds[]': EGRESS_ONLY,
  VpcPeeringConnectionId: PEERING,
  'VpcPeeringConnectionIds[]': PEERING,
  'FlowLogIds[]': ref((other) => other.flowLog, 'InvalidFlowLogId.NotFound'),
  // Of CreateFlowLogs alone, which knows log groups only by name.
  LogGroupName: undefined,
  'ResourceIds[]': ref((other) => other.ownSubnet, 'InvalidSubnetID.NotFound'),
  'DisassociateSubnetCidrBlock AssociationId': ref(
    (other) => other.ipv6Association,
    'InvalidSubnetCidrBlockAssociationID.NotFound',
  ),
  AttachmentId: ref((other) => other.interfaceAttachment, 'InvalidAttachmentID.NotFound'),
  'AssociateAddress NetworkInterfaceId': ref(INTERFACE.of, INTERFACE.code, ['InstanceId']),
  AllocationId: ALLOCATION,
  'AllocationIds[]': ALLOCATION,
  'SecondaryAllocationIds[]': refused(ALLOCATION.of),
  'AvailabilityZoneAddresses[].AllocationIds[]': refused(ALLOCATION.of),
  'AvailabilityZoneAddresses[].AvailabilityZoneId': undefined,
  RouteTableId: TABLE,
  'RouteTableIds[]': TABLE,
  'AssociateRouteTable GatewayId': refused(GATEWAY.of),
  'CreateNatGateway VpcId': refused((other) => other.ownVpc),
  InternetGatewayId: GATEWAY,
  'InternetGatewayIds[]': GATEWAY,
  NatGatewayId: NAT,
  'NatGatewayIds[]': NAT,
  NetworkAclId: ref((other) => other.networkAcl, 'InvalidNetworkAclID.NotFound'),
  DhcpOptionsId: ref((other) => other.dhcpOptions, 'InvalidDhcpOptionID.NotFound'),
  'DhcpOptionsIds[]': ref((other) => other.dhcpOptions, 'InvalidDhcpOptionID.NotFound'),
  'ReplaceNetworkAclAssociation AssociationId': ref(
    (other) => other.aclAssociation,
    'InvalidAssociationID.NotFound',
  ),
  'NetworkAclIds[]': ref(
    (other) => other.vpc.replace('vpc-', 'acl-'),
    'InvalidNetworkAclID.NotFound',
  ),
  GroupId: ref(GROUP, 'InvalidGroup.NotFound', ['GroupName']),
  'GroupId[]': ref(GROUP, 'InvalidGroup.NotFound'),
  'IpPermissions[].UserIdGroupPairs[].GroupId': ref(GROUP, 'InvalidGroup.NotFound'),
  'SecurityGroupRules[].SecurityGroupRuleId': RULE_ID,
  'SecurityGroupRuleDescriptions[].SecurityGroupRuleId': RULE_ID,
  'DisassociateAddress AssociationId': ref(
    (other) => other.addressAssociation,
    'InvalidAssociationID.NotFound',
  ),
  'DisassociateRouteTable AssociationId': ref(
    (other) => other.tableAssociation,
    'InvalidAssociationID.NotFound',
  ),
  'ReplaceRouteTableAssociation AssociationId': ref(
    (other) => other.tableAssociation,
    'InvalidAssociationID.NotFound',
  ),
  'DisassociateVpcCidrBlock AssociationId': ref(
    (other) => other.cidrAssociation,
    'InvalidVpcCidrBlockAssociationID.NotFound',
  ),
  'AssociatedSubnetIds[]': refused((other) => other.ownSubnet),
  // Beside another end, or another attribute, neither can be given.
  'SecurityGroupRules[].SecurityGroupRule.ReferencedGroupId': undefined,
  'Attachment.AttachmentId': undefined,
  // Names are looked up among the caller's own, and what is not offered has no owner.
  SourceSecurityGroupName: undefined,
  SourceSecurityGroupOwnerId: undefined,
  'IpPermissions[].UserIdGroupPairs[].GroupName': undefined,
  'IpPermissions[].UserIdGroupPairs[].UserId': undefined,
  'IpPermissions[].UserIdGroupPairs[].VpcId': undefined,
  'IpPermissions[].UserIdGroupPairs[].VpcPeeringConnectionId': undefined,
  'IpPermissions[].PrefixListIds[].PrefixListId': undefined,
  'SecurityGroupRules[].SecurityGroupRule.PrefixListId': undefined,
  'Filter[].Name': undefined,
  AssociationId: undefined,
  GatewayId: undefined,
  CarrierGatewayId: undefined,
  DestinationPrefixListId: undefined,
  IpamPoolId: undefined,
  Ipv4IpamPoolId: undefined,
  Ipv6IpamPoolId: undefined,
  LocalGatewayId: undefined,
  TransitGatewayId: undefined,
  VpcEndpointId: undefined,
  // A request to another's VPC is made, and fails by itself where there is none.
  PeerVpcId: undefined,
  PeerOwnerId: undefined,
};
