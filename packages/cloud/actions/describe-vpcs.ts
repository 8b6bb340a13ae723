// Owns DescribeVpcs.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, VPC } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { listVpcIpv6Cidrs } from '../store/ipv6.ts';
import { listVpcs } from '../store/networks.ts';
import { listTags } from '../store/tags.ts';
import { listVpcCidrs } from '../store/vpcs.ts';
import type { Ec2Handler } from './handler.ts';
import { IPV6_POOL } from './render-ipv6.ts';
import { renderVpc, type VpcItem } from './render-vpc.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<VpcItem> = {
  names: {
    'vpc-id': ({ row }) => row.id,
    cidrBlock: ({ row }) => row.cidr,
    cidr: ({ row }) => row.cidr,
    'cidr-block': ({ row }) => row.cidr,
    'cidr-block-association.association-id': ({ cidrs }) => cidrs.map((one) => one.id),
    'cidr-block-association.cidr-block': ({ cidrs }) => cidrs.map((one) => one.cidr),
    'cidr-block-association.state': ({ cidrs }) => cidrs.map(() => 'associated'),
    'dhcp-options-id': ({ row }) => row.dhcpOptionsId ?? 'default',
    'ipv6-cidr-block-association.association-id': ({ ipv6Cidrs }) => ipv6Cidrs.map((one) => one.id),
    'ipv6-cidr-block-association.ipv6-cidr-block': ({ ipv6Cidrs }) =>
      ipv6Cidrs.map((one) => one.cidr),
    'ipv6-cidr-block-association.ipv6-pool': ({ ipv6Cidrs }) => ipv6Cidrs.map(() => IPV6_POOL),
    'ipv6-cidr-block-association.state': ({ ipv6Cidrs }) => ipv6Cidrs.map(() => 'associated'),
    'is-default': ({ row }) => row.isDefault === 1,
    isDefault: ({ row }) => row.isDefault === 1,
    'owner-id': ({ row }) => row.accountId,
    state: () => 'available',
  },
  tags: ({ tags }) => [...tags],
};

export const describeVpcs: Ec2Handler<'DescribeVpcs'> = async (app, context, input) => {
  const ids = parseIds(VPC, input.VpcIds, 'VpcId');
  const rows = await listVpcs(app.store.query, context.accountId);
  const tags = new TagIndex(await listTags(app.store.query, context.accountId));
  const cidrs = Map.groupBy(
    await listVpcCidrs(app.store.query, context.accountId),
    (cidr) => cidr.vpcId,
  );
  const ipv6Cidrs = Map.groupBy(
    await listVpcIpv6Cidrs(app.store.query, context.accountId),
    (cidr) => cidr.vpcId,
  );
  const named = ids.length === 0 ? rows : matchIds(VPC, ids, rows);
  const { items, nextToken } = selectPage(
    named.map(
      (row): VpcItem => ({
        row,
        cidrs: cidrs.get(row.id) ?? [],
        ipv6Cidrs: ipv6Cidrs.get(row.id) ?? [],
        tags: tags.of(row.id),
      }),
    ),
    input,
    {
      action: 'DescribeVpcs',
      idsParameter: 'vpcIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { Vpcs: items.map((item) => renderVpc(item, app.region)), NextToken: nextToken };
};
