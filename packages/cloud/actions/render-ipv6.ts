// Owns EC2's shapes of what VPCs, subnets and interfaces have of IPv6.

import type {
  SubnetIpv6CidrBlockAssociation,
  VpcIpv6CidrBlockAssociation,
} from '@aws-sdk/client-ec2';
import type { SubnetIpv6CidrTable, VpcIpv6CidrTable } from '../store/ipv6-schema.ts';

type Association = 'associated' | 'associating' | 'disassociating';

/** EC2's word for blocks that the cloud gives: here they lead nowhere outside, which makes them private. */
export const IPV6_POOL = 'Amazon';

export function renderVpcIpv6(
  { id, cidr }: Pick<VpcIpv6CidrTable, 'id' | 'cidr'>,
  region: string,
  State: Association = 'associated',
): VpcIpv6CidrBlockAssociation {
  return {
    AssociationId: id,
    Ipv6CidrBlock: cidr,
    Ipv6CidrBlockState: { State },
    NetworkBorderGroup: region,
    Ipv6Pool: IPV6_POOL,
    Ipv6AddressAttribute: 'private',
    IpSource: 'amazon',
  };
}

export function renderSubnetIpv6(
  { id, cidr }: Pick<SubnetIpv6CidrTable, 'id' | 'cidr'>,
  State: Association = 'associated',
): SubnetIpv6CidrBlockAssociation {
  return {
    AssociationId: id,
    Ipv6CidrBlock: cidr,
    Ipv6CidrBlockState: { State },
    Ipv6AddressAttribute: 'private',
    IpSource: 'amazon',
  };
}

export function renderIpv6Addresses(addresses: readonly string[]) {
  return addresses.map((Ipv6Address) => ({ Ipv6Address, IsPrimaryIpv6: false }));
}
