// Owns DescribeSnapshots.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, SNAPSHOT } from '../app/resource-ids.ts';
import { listVisible, type VisibleSnapshot } from '../app/snapshot-access.ts';
import { TagIndex } from '../app/tags.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import { listTags } from '../store/tags.ts';
import type { RequestContext } from './action.ts';
import type { Ec2Handler } from './handler.ts';
import { renderSnapshot, type SnapshotItem, viewProgress } from './render-snapshot.ts';
import { selectPage } from './select-page.ts';

const FILTERS: FilterTable<SnapshotItem> = {
  names: {
    'snapshot-id': ({ row }) => row.id,
    'volume-id': ({ row }) => row.volumeId,
    'volume-size': ({ row }) => row.volumeSizeGib,
    description: ({ row }) => row.description,
    encrypted: ({ row }) => row.encrypted === 1,
    'owner-id': ({ row }) => row.accountId,
    'owner-alias': () => undefined,
    progress: viewProgress,
    'start-time': ({ row }) => new Date(row.createdAt).toISOString(),
    status: ({ row }) => viewSnapshotState(row),
    'storage-tier': () => 'standard',
    // A copy is made in one go, whatever was paid for.
    'transfer-type': () => undefined,
  },
  tags: ({ tags }) => tags,
};

export const describeSnapshots: Ec2Handler<'DescribeSnapshots'> = async (app, context, input) => {
  const ids = parseIds(SNAPSHOT, input.SnapshotIds, 'SnapshotId');
  const tags = new TagIndex(await listTags(app.store.query, context.accountId));
  const visible = await listVisible(app.store.query, context);
  const named = ids.length === 0 ? visible : matchIds(SNAPSHOT, ids, visible);
  const shown = named.filter(
    (one) =>
      isOwnedBy(one, input.OwnerIds, context) &&
      isRestorableBy(one, input.RestorableByUserIds, context),
  );
  const { items, nextToken } = selectPage(
    shown.map(({ row }) => ({ row, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeSnapshots',
      idsParameter: 'snapshotIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { Snapshots: items.map((item) => renderSnapshot(app, item)), NextToken: nextToken };
};

type Asker = Pick<RequestContext, 'accountId'>;

function isOwnedBy(
  { row }: VisibleSnapshot,
  owners: readonly string[] | undefined,
  { accountId }: Asker,
): boolean {
  if (owners === undefined || owners.length === 0) return true;
  return owners.some((owner) => row.accountId === (owner === 'self' ? accountId : owner));
}

/** `all` is those that everybody may use; an account is those that it owns or is named for. */
function isRestorableBy(
  { row, grantees }: VisibleSnapshot,
  users: readonly string[] | undefined,
  { accountId }: Asker,
): boolean {
  if (users === undefined || users.length === 0) return true;
  const mine = users.map((user) => (user === 'self' ? accountId : user));
  return mine.some((user) => user === row.accountId || grantees.includes(user));
}
