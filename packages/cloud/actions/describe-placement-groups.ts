// Owns DescribePlacementGroups.

import { applyFilters, type FilterTable } from '../app/filters.ts';
import { unknownGroup } from '../app/placement-groups.ts';
import { matchIds, PLACEMENT_GROUP, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { PlacementGroupRow } from '../store/placement-group-schema.ts';
import { listPlacementGroups } from '../store/placement-groups.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { placementGroupArn, renderPlacementGroup } from './render-placement-group.ts';

interface GroupItem {
  row: PlacementGroupRow;
  tags: Tag[];
}

function filtersOf(region: string): FilterTable<GroupItem> {
  return {
    names: {
      'group-name': ({ row }) => row.name,
      'group-arn': ({ row }) => placementGroupArn(row, region),
      'spread-level': ({ row }) => (row.strategy === 'spread' ? 'host' : undefined),
      state: () => 'available',
      strategy: ({ row }) => row.strategy,
    },
    tags: ({ tags }) => tags,
  };
}

export const describePlacementGroups: Ec2Handler<'DescribePlacementGroups'> = async (
  app,
  context,
  input,
) => {
  const { accountId } = context;
  const ids = parseIds(PLACEMENT_GROUP, input.GroupIds, 'GroupId');
  const names = input.GroupNames ?? [];
  const rows = await listPlacementGroups(app.store.query, accountId);
  const absent = names.find((name) => !rows.some((row) => row.name === name));
  if (absent !== undefined) throw unknownGroup(absent);
  matchIds(PLACEMENT_GROUP, ids, rows);
  const isAll = ids.length === 0 && names.length === 0;
  const shown = rows.filter((row) => isAll || ids.includes(row.id) || names.includes(row.name));
  const tags = new TagIndex(await listTagsOfType(app.store.query, accountId, 'placement-group'));
  const items = shown
    .map((row): GroupItem => ({ row, tags: tags.of(row.id) }))
    .sort((left, right) => (left.row.name < right.row.name ? -1 : 1));
  return {
    PlacementGroups: applyFilters(items, input.Filters, filtersOf(app.region)).map((item) =>
      renderPlacementGroup(item.row, item.tags, app.region),
    ),
  };
};
