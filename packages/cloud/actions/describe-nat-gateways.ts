// Owns DescribeNatGateways.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, NAT_GATEWAY, parseIds } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { listNatGateways } from '../store/nat-gateways.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { type NatItem, renderNat, stateOf } from './render-nat.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<NatItem> = {
  names: {
    'nat-gateway-id': ({ row }) => row.id,
    state: ({ row }) => stateOf(row),
    'subnet-id': ({ row }) => row.subnetId,
    'vpc-id': ({ row }) => row.vpcId,
  },
  tags: ({ tags }) => tags,
};

export const describeNatGateways: Ec2Handler<'DescribeNatGateways'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const ids = parseIds(NAT_GATEWAY, input.NatGatewayIds, 'NatGatewayId');
  const rows = await listNatGateways(app.store.query, accountId);
  const tags = new TagIndex(await listTagsOfType(app.store.query, accountId, 'natgateway'));
  const named = ids.length === 0 ? rows : matchIds(NAT_GATEWAY, ids, rows);
  const { items, nextToken } = selectPage(
    named.map((row): NatItem => ({ row, tags: tags.of(row.id) })),
    { ...input, Filters: input.Filter },
    {
      action: 'DescribeNatGateways',
      idsParameter: 'natGatewayIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { NatGateways: items.map(renderNat), NextToken: nextToken };
};
