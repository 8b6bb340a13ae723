// Owns DescribeEgressOnlyInternetGateways.

import type { FilterTable } from '../app/filters.ts';
import { EGRESS_ONLY_GATEWAY, matchIds, parseIds } from '../app/resource-ids.ts';
import { type EgressOnlyItem, listEgressOnlyItems, renderEgressOnly } from './egress-only-items.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<EgressOnlyItem> = { names: {}, tags: ({ tags }) => tags };

export const describeEgressOnlyInternetGateways: Ec2Handler<
  'DescribeEgressOnlyInternetGateways'
> = async (app, context, input) => {
  const given = input.EgressOnlyInternetGatewayIds;
  const ids = parseIds(EGRESS_ONLY_GATEWAY, given, 'EgressOnlyInternetGatewayId');
  const all = await listEgressOnlyItems(app.store.query, context.accountId);
  const { items, nextToken } = selectPage(
    ids.length === 0 ? all : matchIds(EGRESS_ONLY_GATEWAY, ids, all),
    input,
    {
      action: 'DescribeEgressOnlyInternetGateways',
      idsParameter: 'egressOnlyInternetGatewayIds',
      table: FILTERS,
      sortKey: ({ id }) => id,
    },
    ids,
  );
  return { EgressOnlyInternetGateways: items.map(renderEgressOnly), NextToken: nextToken };
};
