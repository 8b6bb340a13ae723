// Owns the tables of what VPCs have of IPv6 as types.

import type {
  AccountId,
  EgressOnlyGatewayId,
  InterfaceId,
  SubnetCidrAssociationId,
  SubnetId,
  VpcCidrAssociationId,
  VpcId,
} from '@ironbark/core/ids.ts';

/** No two VPCs of the cloud have the same. */
export interface VpcIpv6CidrTable {
  id: VpcCidrAssociationId;
  accountId: AccountId;
  vpcId: VpcId;
  cidr: string;
}

/** A subnet has one at most. */
export interface SubnetIpv6CidrTable {
  id: SubnetCidrAssociationId;
  accountId: AccountId;
  vpcId: VpcId;
  subnetId: SubnetId;
  cidr: string;
}

export interface InterfaceIpv6AddressTable {
  /** As RFC 5952 writes it. */
  address: string;
  interfaceId: InterfaceId;
  subnetId: SubnetId;
  /** Among those of its interface; the lowest is the one that leases are given of. */
  place: number;
}

export interface EgressOnlyGatewayTable {
  id: EgressOnlyGatewayId;
  accountId: AccountId;
  vpcId: VpcId;
}

export interface Ipv6Schema {
  vpcIpv6Cidr: VpcIpv6CidrTable;
  subnetIpv6Cidr: SubnetIpv6CidrTable;
  interfaceIpv6Address: InterfaceIpv6AddressTable;
  egressOnlyGateway: EgressOnlyGatewayTable;
}
