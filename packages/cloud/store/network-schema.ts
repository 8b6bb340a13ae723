// Owns the tables of VPCs and what is in them as types.

import type {
  AccountId,
  AddressAssociationId,
  AllocationId,
  DhcpOptionsId,
  EgressOnlyGatewayId,
  InstanceId,
  InterfaceId,
  InternetGatewayId,
  NatGatewayId,
  NetworkAclAssociationId,
  NetworkAclId,
  ResourceId,
  RouteTableAssociationId,
  RouteTableId,
  SecurityGroupId,
  SecurityGroupRuleId,
  SubnetId,
  VpcCidrAssociationId,
  VpcId,
  VpcPeeringConnectionId,
} from '@ironbark/core/ids.ts';
import type { Generated, Selectable } from 'kysely';

type Flag = 0 | 1;

export interface VpcTable {
  id: VpcId;
  accountId: AccountId;
  cidr: string;
  isDefault: Flag;
  /** Grows with every change of what nodes are told of it. */
  generation: number;
  /** Of the network that carries it between nodes; no two VPCs of the cloud have the same. */
  networkNumber: number;
  enableDnsSupport: Generated<Flag>;
  enableDnsHostnames: Generated<Flag>;
  /** Its instances without a public address reach the internet by their host's: those of default VPCs. */
  masquerades: Generated<Flag>;
  /** null: the cloud's own. */
  dhcpOptionsId: DhcpOptionsId | null;
}

/** Deleted, and the zone has yet to forget it. */
/** The zone may not know it yet. */
export interface VpcPortChangeTable {
  vpcId: VpcId;
  interfaceId: InterfaceId;
  /** Of the VPC, when it changed last. */
  generation: number;
}

/** The number that the newest VPC got; one row. */
export interface LastNetworkNumberTable {
  number: number;
}

export interface VpcGoneTable {
  id: VpcId;
}

export interface SubnetTable {
  id: SubnetId;
  accountId: AccountId;
  vpcId: VpcId;
  zone: string;
  cidr: string;
  isDefault: Flag;
  /** Where the search for a free address starts, so that a released one rests for as long as it can. */
  nextAddress: number;
  mapPublicIp: Generated<Flag>;
  /** Interfaces that are made in it get an IPv6 address. */
  assignIpv6: Generated<Flag>;
  /** null: its VPC's default one. */
  aclId: NetworkAclId | null;
  /** null: as follows from its own id. */
  aclAssociationId: NetworkAclAssociationId | null;
}

export interface SecurityGroupTable {
  id: SecurityGroupId;
  accountId: AccountId;
  vpcId: VpcId;
  name: string;
  description: string;
}

export interface SecurityGroupRuleTable {
  id: SecurityGroupRuleId;
  accountId: AccountId;
  groupId: SecurityGroupId;
  isEgress: Flag;
  protocol: string;
  fromPort: number | null;
  toPort: number | null;
  cidrIpv4: string | null;
  cidrIpv6: string | null;
  sourceGroupId: SecurityGroupId | null;
  description: string | null;
}

export interface NetworkInterfaceTable {
  id: InterfaceId;
  accountId: AccountId;
  /** Empty: it is attached to none. */
  instanceId: InstanceId | '';
  vpcId: VpcId;
  subnetId: SubnetId;
  zone: string;
  deviceIndex: number;
  privateIp: string;
  macAddress: string;
  attachmentId: ResourceId<'eni-attach'> | '';
  description: string;
  createdAt: number;
  sourceDestCheck: Generated<Flag>;
  deleteOnTermination: Generated<Flag>;
  /** null: with its instance, or never. */
  attachedAt: number | null;
  attachState: Generated<'attaching' | 'attached' | 'detaching'>;
  /** The instance's generation that brought that state. */
  attachGeneration: Generated<number>;
  /** With `detaching`: the guest is not waited for. */
  detachForced: Generated<Flag>;
  /** Of a NAT gateway: nobody else changes it. */
  isManaged: Generated<Flag>;
}

export interface InterfaceGroupTable {
  interfaceId: InterfaceId;
  groupId: SecurityGroupId;
}

/** Every block of a VPC, the first one too. */
export interface VpcCidrTable {
  id: VpcCidrAssociationId;
  accountId: AccountId;
  vpcId: VpcId;
  cidr: string;
}

export interface InternetGatewayTable {
  id: InternetGatewayId;
  accountId: AccountId;
  /** null: detached. */
  vpcId: VpcId | null;
}

export interface RouteTableTable {
  id: RouteTableId;
  accountId: AccountId;
  vpcId: VpcId;
}

export interface RouteTableAssociationTable {
  id: RouteTableAssociationId;
  accountId: AccountId;
  vpcId: VpcId;
  routeTableId: RouteTableId;
  /** null: the VPC's main one, for every subnet without one of its own. */
  subnetId: SubnetId | null;
}

/** Those that were made, of either family; the local ones follow from the VPC's blocks. */
export interface RouteTable {
  routeTableId: RouteTableId;
  destination: string;
  targetId:
    | InternetGatewayId
    | EgressOnlyGatewayId
    | NatGatewayId
    | InterfaceId
    | VpcPeeringConnectionId;
}

export interface AddressTable {
  id: AllocationId;
  accountId: AccountId;
  publicIp: string;
  /** null: nobody has it. */
  associationId: AddressAssociationId | null;
  interfaceId: InterfaceId | null;
  privateIp: string | null;
  /** Given at a launch, and gone with its interface; not among its account's elastic addresses. */
  isAutomatic: 0 | 1;
  createdAt: number;
}

export interface NatGatewayTable {
  id: NatGatewayId;
  accountId: AccountId;
  vpcId: VpcId;
  subnetId: SubnetId;
  interfaceId: InterfaceId;
  allocationId: AllocationId;
  publicIp: string;
  privateIp: string;
  createdAt: number;
  deletedAt: number | null;
}

export interface VpcPeeringTable {
  id: VpcPeeringConnectionId;
  /** Who asks. */
  accountId: AccountId;
  vpcId: VpcId;
  /** Who is asked. Where it failed neither the account nor the VPC need exist. */
  accepterAccountId: AccountId;
  accepterVpcId: VpcId;
  status: 'pending-acceptance' | 'active' | 'failed' | 'rejected' | 'deleted';
  createdAt: number;
  /** When it failed, or was rejected or deleted, and by which account. */
  endedAt: number | null;
  endedBy: AccountId | null;
}

/** Private addresses of an interface besides its first. */
export interface InterfaceAddressTable {
  interfaceId: InterfaceId;
  subnetId: SubnetId;
  privateIp: string;
}

export interface NetworkAclTable {
  id: NetworkAclId;
  accountId: AccountId;
  vpcId: VpcId;
  isDefault: Flag;
}

export interface NetworkAclEntryTable {
  aclId: NetworkAclId;
  isEgress: Flag;
  ruleNumber: number;
  isAllowed: Flag;
  /** An IANA number, or -1 for all. */
  protocol: number;
  /** Of either family, as its text shows. */
  cidr: string;
  /** For ICMP type and code, -1 for all; null: all. */
  fromPort: number | null;
  toPort: number | null;
}

export interface DhcpOptionsTable {
  id: DhcpOptionsId;
  accountId: AccountId;
  /** Keys and their values, as JSON. */
  configurations: string;
}

export type VpcCidrRow = Selectable<VpcCidrTable>;
export type InternetGatewayRow = Selectable<InternetGatewayTable>;
export type RouteTableRow = Selectable<RouteTableTable>;
export type RouteTableAssociationRow = Selectable<RouteTableAssociationTable>;
export type RouteRow = Selectable<RouteTable>;
export type AddressRow = Selectable<AddressTable>;
export type NatGatewayRow = Selectable<NatGatewayTable>;
export type VpcPeeringRow = Selectable<VpcPeeringTable>;
export type NetworkAclRow = Selectable<NetworkAclTable>;
export type NetworkAclEntryRow = Selectable<NetworkAclEntryTable>;
export type DhcpOptionsRow = Selectable<DhcpOptionsTable>;
