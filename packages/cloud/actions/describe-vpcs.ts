// Owns DescribeVpcs.

import type { Vpc } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, VPC } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listVpcs } from '../store/networks.ts';
import type { VpcRow } from '../store/schema.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface VpcItem {
  row: VpcRow;
  tags: Tag[];
}

const FILTERS: FilterTable<VpcItem> = {
  names: {
    'vpc-id': ({ row }) => row.id,
    cidr: ({ row }) => row.cidr,
    'cidr-block': ({ row }) => row.cidr,
    'cidr-block-association.cidr-block': ({ row }) => row.cidr,
    'is-default': ({ row }) => row.isDefault === 1,
    isDefault: ({ row }) => row.isDefault === 1,
    'owner-id': ({ row }) => row.accountId,
    state: () => 'available',
  },
  tags: ({ tags }) => tags,
};

export const describeVpcs: Ec2Handler<'DescribeVpcs'> = async (app, context, input) => {
  const ids = parseIds(VPC, input.VpcIds, 'VpcId');
  const rows = await listVpcs(app.store.query, context.accountId);
  const tags = new TagIndex(await listTags(app.store.query, context.accountId));
  const named = ids.length === 0 ? rows : matchIds(VPC, ids, rows);
  const { items, nextToken } = selectPage(
    named.map((row) => ({ row, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeVpcs',
      idsParameter: 'vpcIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { Vpcs: items.map(render), NextToken: nextToken };
};

function render({ row, tags }: VpcItem): Vpc {
  return {
    VpcId: row.id,
    OwnerId: row.accountId,
    CidrBlock: row.cidr,
    IsDefault: row.isDefault === 1,
    State: 'available',
    InstanceTenancy: 'default',
    DhcpOptionsId: 'default',
    Ipv6CidrBlockAssociationSet: [],
    Tags: renderTags(tags),
  };
}
