// Owns DescribeSnapshots.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, SNAPSHOT } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { listSnapshots } from '../store/snapshots.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSnapshot, type SnapshotItem, viewProgress } from './render-snapshot.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<SnapshotItem> = {
  names: {
    'snapshot-id': ({ row }) => row.id,
    'volume-id': ({ row }) => row.volumeId,
    'volume-size': ({ row }) => row.volumeSizeGib,
    description: ({ row }) => row.description,
    encrypted: () => false,
    'owner-id': ({ row }) => row.accountId,
    'owner-alias': () => 'self',
    progress: viewProgress,
    'start-time': ({ row }) => new Date(row.createdAt).toISOString(),
    status: ({ row }) => viewSnapshotState(row),
    'storage-tier': () => 'standard',
  },
  tags: ({ tags }) => tags,
};

export const describeSnapshots: Ec2Handler<'DescribeSnapshots'> = async (app, context, input) => {
  const ids = parseIds(SNAPSHOT, input.SnapshotIds, 'SnapshotId');
  const { accountId } = context;
  const tags = new TagIndex(await listTags(app.store.query, accountId));
  // A deleted snapshot is gone for its owner at once, whatever the storage still has to do.
  const rows = (await listSnapshots(app.store.query, accountId)).filter(
    (row) => row.desired === 'present',
  );
  const named = ids.length === 0 ? rows : matchIds(SNAPSHOT, ids, rows);
  const shown = named.filter(
    (row) => isOf(row, input.OwnerIds) && isOf(row, input.RestorableByUserIds),
  );
  const { items, nextToken } = selectPage(
    shown.map((row) => ({ row, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeSnapshots',
      idsParameter: 'snapshotIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { Snapshots: items.map(renderSnapshot), NextToken: nextToken };
};

/** Snapshots are their owner's alone. */
function isOf(row: SnapshotRow, users: readonly string[] | undefined): boolean {
  if (users === undefined || users.length === 0) return true;
  return users.includes('self') || users.includes(row.accountId);
}
