// Owns DescribeAddressesAttribute: no address here has a name, so each is shown without one.

import { ALLOCATION, matchIds, parseIds } from '../app/resource-ids.ts';
import { listAddresses } from '../store/addresses.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

export const describeAddressesAttribute: Ec2Handler<'DescribeAddressesAttribute'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(ALLOCATION, input.AllocationIds, 'AllocationId');
  const rows = await listAddresses(app.store.query, context.accountId);
  const own = rows.filter((row) => row.isAutomatic === 0);
  const { items, nextToken } = selectPage(
    ids.length === 0 ? own : matchIds(ALLOCATION, ids, own),
    input,
    {
      action: 'DescribeAddressesAttribute',
      idsParameter: 'allocationIds',
      table: { names: {} },
      sortKey: (row) => row.id,
      minResults: 1,
    },
    ids,
  );
  return {
    Addresses: items.map(({ id, publicIp }) => ({ AllocationId: id, PublicIp: publicIp })),
    NextToken: nextToken,
  };
};
