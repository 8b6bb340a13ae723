// Owns the queries on who may make volumes from whose snapshots.

import type { AccountId, SnapshotId } from '@ironbark/core/ids.ts';
import type { SnapshotPermissionTable, SnapshotRow } from './schema.ts';
import type { Queries } from './store.ts';

export type Grantee = SnapshotPermissionTable['grantee'];
export const EVERYBODY = 'all';

export async function listGrantees(db: Queries, snapshotId: SnapshotId): Promise<Grantee[]> {
  const rows = await db
    .selectFrom('snapshotPermission')
    .select('grantee')
    .where('snapshotId', '=', snapshotId)
    .orderBy('grantee')
    .execute();
  return rows.map(({ grantee }) => grantee);
}

/** Of all snapshots: which the account may use because of a permission, its own and `all`. */
export async function listGrantsTo(
  db: Queries,
  accountId: AccountId,
): Promise<SnapshotPermissionTable[]> {
  return db
    .selectFrom('snapshotPermission')
    .selectAll()
    .where('grantee', 'in', [accountId, EVERYBODY])
    .execute();
}

/** That others own and share with the account. */
export function listSharedSnapshots(db: Queries, accountId: AccountId): Promise<SnapshotRow[]> {
  return db
    .selectFrom('snapshot')
    .selectAll()
    .where('accountId', '!=', accountId)
    .where((e) =>
      e.exists(
        e
          .selectFrom('snapshotPermission')
          .select('snapshotId')
          .whereRef('snapshotId', '=', 'snapshot.id')
          .where('grantee', 'in', [accountId, EVERYBODY]),
      ),
    )
    .execute();
}

export async function addGrantee(
  db: Queries,
  snapshotId: SnapshotId,
  grantee: Grantee,
): Promise<void> {
  await db
    .insertInto('snapshotPermission')
    .values({ snapshotId, grantee })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function removeGrantee(
  db: Queries,
  snapshotId: SnapshotId,
  grantee: Grantee,
): Promise<void> {
  await db
    .deleteFrom('snapshotPermission')
    .where('snapshotId', '=', snapshotId)
    .where('grantee', '=', grantee)
    .execute();
}

export async function removeGrantees(db: Queries, snapshotId: SnapshotId): Promise<void> {
  await db.deleteFrom('snapshotPermission').where('snapshotId', '=', snapshotId).execute();
}
