// Owns EC2's shape of VPCs and their blocks.

import type { Vpc, VpcCidrBlockAssociation } from '@aws-sdk/client-ec2';
import type { Tag } from '../app/tags.ts';
import type { VpcCidrRow } from '../store/network-schema.ts';
import type { VpcRow } from '../store/schema.ts';
import { tagsOf } from './render-instance.ts';

export interface VpcItem {
  row: VpcRow;
  cidrs: readonly VpcCidrRow[];
  tags: readonly Tag[];
}

export function renderVpc({ row, cidrs, tags }: VpcItem): Vpc {
  return {
    VpcId: row.id,
    OwnerId: row.accountId,
    CidrBlock: row.cidr,
    CidrBlockAssociationSet: cidrs.map((cidr) => renderCidrAssociation(cidr)),
    IsDefault: row.isDefault === 1,
    State: 'available',
    InstanceTenancy: 'default',
    DhcpOptionsId: row.dhcpOptionsId ?? 'default',
    Ipv6CidrBlockAssociationSet: [],
    ...tagsOf(tags),
  };
}

export function renderCidrAssociation(
  { id, cidr }: VpcCidrRow,
  State: 'associated' | 'associating' | 'disassociating' = 'associated',
): VpcCidrBlockAssociation {
  return { AssociationId: id, CidrBlock: cidr, CidrBlockState: { State } };
}
