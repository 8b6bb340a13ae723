// Owns DescribeInternetGateways.

import type { FilterTable } from '../app/filters.ts';
import { INTERNET_GATEWAY, matchIds, parseIds } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { listInternetGateways } from '../store/internet-gateways.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { ATTACHED, type GatewayItem, renderGateway } from './render-gateway.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<GatewayItem> = {
  names: {
    'attachment.state': ({ row }) => (row.vpcId === null ? undefined : ATTACHED),
    'attachment.vpc-id': ({ row }) => row.vpcId ?? undefined,
    'internet-gateway-id': ({ row }) => row.id,
    'owner-id': ({ row }) => row.accountId,
  },
  tags: ({ tags }) => tags,
};

export const describeInternetGateways: Ec2Handler<'DescribeInternetGateways'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const ids = parseIds(INTERNET_GATEWAY, input.InternetGatewayIds, 'InternetGatewayId');
  const rows = await listInternetGateways(app.store.query, accountId);
  const tags = new TagIndex(await listTagsOfType(app.store.query, accountId, 'internet-gateway'));
  const named = ids.length === 0 ? rows : matchIds(INTERNET_GATEWAY, ids, rows);
  const { items, nextToken } = selectPage(
    named.map((row): GatewayItem => ({ row, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeInternetGateways',
      idsParameter: 'internetGatewayIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { InternetGateways: items.map(renderGateway), NextToken: nextToken };
};
