// Owns DescribeVpcClassicLinkDnsSupport: no VPC has it, since there is no EC2-Classic to link to.

import { matchIds, parseIds, VPC } from '../app/resource-ids.ts';
import { listVpcs } from '../store/networks.ts';
import type { VpcRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

export const describeVpcClassicLinkDnsSupport: Ec2Handler<
  'DescribeVpcClassicLinkDnsSupport'
> = async (app, context, input) => {
  const ids = parseIds(VPC, input.VpcIds, 'VpcIds');
  const rows = await listVpcs(app.store.query, context.accountId);
  const named = ids.length === 0 ? rows : matchIds(VPC, ids, rows);
  const listing = {
    action: 'DescribeVpcClassicLinkDnsSupport',
    idsParameter: 'VpcIds',
    table: { names: {} },
    sortKey: ({ id }: VpcRow) => id,
  };
  const { items, nextToken } = selectPage(named, input, listing, ids);
  return {
    Vpcs: items.map(({ id }) => ({ VpcId: id, ClassicLinkDnsSupported: false })),
    NextToken: nextToken,
  };
};
