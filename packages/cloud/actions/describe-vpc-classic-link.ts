// Owns DescribeVpcClassicLink: there is no EC2-Classic to link to, here as in AWS since 2022, and no VPC is enabled for it.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, VPC } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { listVpcs } from '../store/networks.ts';
import type { VpcRow } from '../store/schema.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface LinkItem {
  row: VpcRow;
  tags: ReturnType<TagIndex['of']>;
}

const FILTERS: FilterTable<LinkItem> = {
  names: { 'is-classic-link-enabled': () => false },
  tags: ({ tags }) => [...tags],
};

export const describeVpcClassicLink: Ec2Handler<'DescribeVpcClassicLink'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(VPC, input.VpcIds, 'VpcId');
  const rows = await listVpcs(app.store.query, context.accountId);
  const tags = new TagIndex(await listTagsOfType(app.store.query, context.accountId, 'vpc'));
  const named = ids.length === 0 ? rows : matchIds(VPC, ids, rows);
  const listing = {
    action: 'DescribeVpcClassicLink',
    idsParameter: 'vpcIds',
    table: FILTERS,
    sortKey: ({ row }: LinkItem) => row.id,
  };
  const all = named.map((row): LinkItem => ({ row, tags: tags.of(row.id) }));
  const { items } = selectPage(all, { Filters: input.Filters }, listing, ids);
  return {
    Vpcs: items.map((item) => ({
      VpcId: item.row.id,
      ClassicLinkEnabled: false,
      ...tagsOf(item.tags),
    })),
  };
};
