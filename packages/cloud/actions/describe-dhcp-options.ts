// Owns DescribeDhcpOptions.

import { configurationsOf } from '../app/dhcp-options.ts';
import type { FilterTable } from '../app/filters.ts';
import { DHCP_OPTIONS, matchIds, parseIds } from '../app/resource-ids.ts';
import { listOptionsItems, type OptionsItem, renderOptions } from './dhcp-options-items.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<OptionsItem> = {
  names: {
    'dhcp-options-id': ({ row }) => row.id,
    key: ({ row }) => configurationsOf(row).map(({ key }) => key),
    'owner-id': ({ row }) => row.accountId,
    value: ({ row }) => configurationsOf(row).flatMap(({ values }) => values),
  },
  tags: ({ tags }) => [...tags],
};

export const describeDhcpOptions: Ec2Handler<'DescribeDhcpOptions'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(DHCP_OPTIONS, input.DhcpOptionsIds, 'DhcpOptionsId');
  const all = await listOptionsItems(app.store.query, context.accountId);
  if (ids.length > 0) {
    matchIds(
      DHCP_OPTIONS,
      ids,
      all.map(({ row }) => row),
    );
  }
  const named = ids.length === 0 ? all : all.filter(({ row }) => ids.includes(row.id));
  const listing = {
    action: 'DescribeDhcpOptions',
    idsParameter: 'dhcpOptionsIds',
    table: FILTERS,
    sortKey: ({ row }: OptionsItem) => row.id,
  };
  const { items, nextToken } = selectPage(named, input, listing, ids);
  return { DhcpOptions: items.map(renderOptions), NextToken: nextToken };
};
