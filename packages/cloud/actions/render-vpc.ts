// Owns EC2's shape of VPCs and their blocks.

import type { Vpc, VpcCidrBlockAssociation } from '@aws-sdk/client-ec2';
import type { Tag } from '../app/tags.ts';
import type { VpcIpv6CidrTable } from '../store/ipv6-schema.ts';
import type { VpcCidrRow } from '../store/network-schema.ts';
import type { VpcRow } from '../store/schema.ts';
import { tagsOf } from './render-instance.ts';
import { renderVpcIpv6 } from './render-ipv6.ts';

export interface VpcItem {
  row: VpcRow;
  cidrs: readonly VpcCidrRow[];
  ipv6Cidrs: readonly VpcIpv6CidrTable[];
  tags: readonly Tag[];
}

export function renderVpc({ row, cidrs, ipv6Cidrs, tags }: VpcItem, region: string): Vpc {
  return {
    VpcId: row.id,
    OwnerId: row.accountId,
    CidrBlock: row.cidr,
    CidrBlockAssociationSet: cidrs.map((cidr) => renderCidrAssociation(cidr)),
    IsDefault: row.isDefault === 1,
    State: 'available',
    InstanceTenancy: 'default',
    DhcpOptionsId: row.dhcpOptionsId ?? 'default',
    Ipv6CidrBlockAssociationSet: ipv6Cidrs.map((one) => renderVpcIpv6(one, region)),
    ...tagsOf(tags),
  };
}

export function renderCidrAssociation(
  { id, cidr }: VpcCidrRow,
  State: 'associated' | 'associating' | 'disassociating' = 'associated',
): VpcCidrBlockAssociation {
  return { AssociationId: id, CidrBlock: cidr, CidrBlockState: { State } };
}
