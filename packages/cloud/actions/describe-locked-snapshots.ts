// Owns DescribeLockedSnapshots.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, SNAPSHOT } from '../app/resource-ids.ts';
import { type SnapshotLock, viewLock } from '../app/snapshot-lock.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { listSnapshots } from '../store/snapshots.ts';
import type { Ec2Handler } from './handler.ts';
import { renderLock } from './render-lock.ts';
import { selectPage } from './select-page.ts';

interface LockedItem {
  row: SnapshotRow;
  lock: SnapshotLock;
}

const FILTERS: FilterTable<LockedItem> = { names: { 'lock-state': ({ lock }) => lock.state } };

export const describeLockedSnapshots: Ec2Handler<'DescribeLockedSnapshots'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(SNAPSHOT, input.SnapshotIds, 'SnapshotId');
  const own = await listSnapshots(app.store.query, context.accountId);
  const present = own.filter((row) => row.desired === 'present');
  const named = ids.length === 0 ? present : matchIds(SNAPSHOT, ids, present);
  const nowMs = app.clock.nowMs();
  const locked = named.flatMap((row): LockedItem[] => {
    const lock = viewLock(row, nowMs);
    return lock === undefined ? [] : [{ row, lock }];
  });
  const { items, nextToken } = selectPage(
    locked,
    input,
    {
      action: 'DescribeLockedSnapshots',
      idsParameter: 'snapshotIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  const render = ({ row, lock }: LockedItem) => ({
    SnapshotId: row.id,
    OwnerId: row.accountId,
    ...renderLock(lock),
  });
  return { Snapshots: items.map(render), NextToken: nextToken };
};
