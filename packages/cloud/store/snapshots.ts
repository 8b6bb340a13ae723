// Owns the queries on snapshots.

import type { AccountId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import { inParts } from './in-parts.ts';
import type { SnapshotRow, SnapshotTable } from './schema.ts';
import type { Queries } from './store.ts';

export function listSnapshots(db: Queries, accountId: AccountId): Promise<SnapshotRow[]> {
  return db.selectFrom('snapshot').selectAll().where('accountId', '=', accountId).execute();
}

export function listAllSnapshots(db: Queries): Promise<SnapshotRow[]> {
  return db.selectFrom('snapshot').selectAll().execute();
}

export async function findSnapshots(
  db: Queries,
  accountId: AccountId,
  ids: readonly SnapshotId[],
): Promise<SnapshotRow[]> {
  return (await findSnapshotsOfAll(db, ids)).filter((row) => row.accountId === accountId);
}

/** Of whoever, for what refers to them. */
export function findSnapshotsOfAll(
  db: Queries,
  ids: readonly SnapshotId[],
): Promise<SnapshotRow[]> {
  return inParts(ids, (some) =>
    db.selectFrom('snapshot').selectAll().where('id', 'in', some).execute(),
  );
}

export function findSnapshot(db: Queries, id: SnapshotId): Promise<SnapshotRow | undefined> {
  return db.selectFrom('snapshot').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Snapshots whose bytes are those of this one, of whoever. */
export function listCopies(db: Queries, id: SnapshotId): Promise<SnapshotRow[]> {
  return db.selectFrom('snapshot').selectAll().where('contentId', '=', id).execute();
}

/** Encrypted copies that are still being made of this one. */
export function listRunningCopies(db: Queries, id: SnapshotId): Promise<SnapshotRow[]> {
  return selectRunning(db).where('copySourceId', '=', id).execute();
}

/** Snapshots that are still read from the volume. */
export function listRunningSnapshots(db: Queries, volumeId: VolumeId): Promise<SnapshotRow[]> {
  return selectRunning(db).where('volumeId', '=', volumeId).execute();
}

function selectRunning(db: Queries) {
  return db
    .selectFrom('snapshot')
    .selectAll()
    .where('desired', '=', 'present')
    .where((e) => e.or([e('observedState', 'is', null), e('observedState', '=', 'pending')]));
}

export async function insertSnapshot(db: Queries, row: Insertable<SnapshotTable>): Promise<void> {
  await db.insertInto('snapshot').values(row).execute();
}

export async function updateSnapshot(
  db: Queries,
  id: SnapshotId,
  values: Updateable<SnapshotTable>,
): Promise<void> {
  await db.updateTable('snapshot').set(values).where('id', '=', id).execute();
}

export async function deleteSnapshot(db: Queries, id: SnapshotId): Promise<void> {
  await db.deleteFrom('snapshotPermission').where('snapshotId', '=', id).execute();
  await db.deleteFrom('snapshot').where('id', '=', id).execute();
}
