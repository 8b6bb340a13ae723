// Owns DescribeSnapshotTierStatus: there is one tier, and no snapshot has ever been on its way to another.

import type { FilterTable } from '../app/filters.ts';
import { TagIndex } from '../app/tags.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import { listSnapshots } from '../store/snapshots.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import type { SnapshotItem } from './render-snapshot.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<SnapshotItem> = {
  names: {
    'snapshot-id': ({ row }) => row.id,
    'volume-id': ({ row }) => row.volumeId,
    'last-tiering-operation': () => undefined,
  },
};

export const describeSnapshotTierStatus: Ec2Handler<'DescribeSnapshotTierStatus'> = async (
  app,
  context,
  input,
) => {
  const tags = new TagIndex(await listTags(app.store.query, context.accountId));
  const rows = await listSnapshots(app.store.query, context.accountId);
  const present = rows.filter((row) => row.desired === 'present');
  const { items, nextToken } = selectPage(
    present.map((row) => ({ row, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeSnapshotTierStatus',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
  );
  const render = (item: SnapshotItem) => ({
    SnapshotId: item.row.id,
    VolumeId: item.row.volumeId,
    Status: viewSnapshotState(item.row),
    OwnerId: item.row.accountId,
    StorageTier: 'standard' as const,
    Tags: renderTags(item.tags),
  });
  return { SnapshotTierStatuses: items.map(render), NextToken: nextToken };
};
