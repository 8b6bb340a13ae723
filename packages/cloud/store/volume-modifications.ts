// Owns the queries on changes of volumes: the newest of each.

import type { AccountId, VolumeId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import type { VolumeModificationRow, VolumeModificationTable } from './schema.ts';
import type { Queries } from './store.ts';

export function listModifications(
  db: Queries,
  accountId: AccountId,
): Promise<VolumeModificationRow[]> {
  return db
    .selectFrom('volumeModification')
    .selectAll()
    .where('accountId', '=', accountId)
    .execute();
}

export async function listUnfinishedModifications(db: Queries): Promise<VolumeId[]> {
  const rows = await db
    .selectFrom('volumeModification')
    .select('volumeId')
    .where('endedAt', 'is', null)
    .execute();
  return rows.map((row) => row.volumeId);
}

export function findModification(
  db: Queries,
  id: VolumeId,
): Promise<VolumeModificationRow | undefined> {
  return db
    .selectFrom('volumeModification')
    .selectAll()
    .where('volumeId', '=', id)
    .executeTakeFirst();
}

/** In place of the one before. */
export async function putModification(
  db: Queries,
  row: Insertable<VolumeModificationTable>,
): Promise<void> {
  await deleteModification(db, row.volumeId);
  await db.insertInto('volumeModification').values(row).execute();
}

export async function updateModification(
  db: Queries,
  id: VolumeId,
  values: Updateable<VolumeModificationTable>,
): Promise<void> {
  await db.updateTable('volumeModification').set(values).where('volumeId', '=', id).execute();
}

export async function deleteModification(db: Queries, id: VolumeId): Promise<void> {
  await db.deleteFrom('volumeModification').where('volumeId', '=', id).execute();
}
