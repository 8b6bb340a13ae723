// Owns DescribeVpcPeeringConnections: what the account asked for, and what it was asked for.

import { matchIds, parseIds, VPC_PEERING } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { listShownPeerings } from '../app/vpc-peerings.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { PEERING_FILTERS, type PeeringItem, peeringItem, renderPeering } from './peering-items.ts';
import { selectPage } from './select-page.ts';

export const describeVpcPeeringConnections: Ec2Handler<'DescribeVpcPeeringConnections'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const { query } = app.store;
  const ids = parseIds(VPC_PEERING, input.VpcPeeringConnectionIds, 'vpcPeeringConnectionId');
  const nowMs = app.clock.nowMs();
  const rows = await listShownPeerings(query, accountId, nowMs);
  const tags = new TagIndex(await listTagsOfType(query, accountId, 'vpc-peering-connection'));
  const named = ids.length === 0 ? rows : matchIds(VPC_PEERING, ids, rows);
  const scope = { accountId, region: app.region, nowMs, tagsOf: (id: string) => tags.of(id) };
  const all: PeeringItem[] = [];
  for (const row of named) all.push(await peeringItem(query, row, scope));
  const { items, nextToken } = selectPage(
    all,
    input,
    {
      action: 'DescribeVpcPeeringConnections',
      idsParameter: 'vpcPeeringConnectionIds',
      table: PEERING_FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { VpcPeeringConnections: items.map(renderPeering), NextToken: nextToken };
};
