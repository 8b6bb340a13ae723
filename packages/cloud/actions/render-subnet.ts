// Owns EC2's shape of a subnet.

import type { Subnet } from '@aws-sdk/client-ec2';
import { parseBlock } from '@ironbark/core/ipv4.ts';
import { countAssignable } from '../app/addresses.ts';
import type { Tag } from '../app/tags.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import type { SubnetIpv6CidrTable } from '../store/ipv6-schema.ts';
import type { SubnetRow } from '../store/schema.ts';
import { tagsOf } from './render-instance.ts';
import { renderSubnetIpv6 } from './render-ipv6.ts';

export interface SubnetItem {
  row: SubnetRow;
  ipv6: SubnetIpv6CidrTable | undefined;
  tags: readonly Tag[];
  /** How many addresses interfaces have. */
  used: number;
}

export function countFree({ row, used }: SubnetItem): number {
  return countAssignable(parseBlock(row.cidr)!) - used;
}

export function subnetArn({ id, accountId }: SubnetRow, region: string): string {
  return `arn:aws:ec2:${region}:${accountId}:subnet/${id}`;
}

export function renderSubnet(item: SubnetItem, region: string): Subnet {
  const { row, ipv6, tags } = item;
  return {
    SubnetId: row.id,
    SubnetArn: subnetArn(row, region),
    VpcId: row.vpcId,
    OwnerId: row.accountId,
    CidrBlock: row.cidr,
    AvailabilityZone: row.zone,
    AvailabilityZoneId: zoneIdOf(row.zone),
    AvailableIpAddressCount: countFree(item),
    DefaultForAz: row.isDefault === 1,
    MapPublicIpOnLaunch: row.mapPublicIp === 1,
    AssignIpv6AddressOnCreation: row.assignIpv6 === 1,
    EnableDns64: false,
    Ipv6Native: false,
    Ipv6CidrBlockAssociationSet: ipv6 === undefined ? [] : [renderSubnetIpv6(ipv6)],
    PrivateDnsNameOptionsOnLaunch: {
      HostnameType: 'ip-name',
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    State: 'available',
    ...tagsOf(tags),
  };
}
