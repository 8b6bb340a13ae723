// Owns the queries on volumes.

import type { AccountId, NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import { inParts } from './in-parts.ts';
import type { VolumeRow, VolumeShape, VolumeTable } from './schema.ts';
import type { Queries } from './store.ts';

export function listVolumes(db: Queries, accountId: AccountId): Promise<VolumeRow[]> {
  return db.selectFrom('volume').selectAll().where('accountId', '=', accountId).execute();
}

export function listAllVolumes(db: Queries): Promise<VolumeRow[]> {
  return db.selectFrom('volume').selectAll().execute();
}

export async function listVolumeIds(db: Queries): Promise<VolumeId[]> {
  const rows = await db.selectFrom('volume').select('id').execute();
  return rows.map((row) => row.id);
}

export async function findVolumes(
  db: Queries,
  accountId: AccountId,
  ids: readonly VolumeId[],
): Promise<VolumeRow[]> {
  // As in `findInstances`: the ids alone are what an index answers.
  const rows = await inParts(ids, (some) =>
    db.selectFrom('volume').selectAll().where('id', 'in', some).execute(),
  );
  return rows.filter((row) => row.accountId === accountId);
}

export function findVolume(db: Queries, id: VolumeId): Promise<VolumeRow | undefined> {
  return db.selectFrom('volume').selectAll().where('id', '=', id).executeTakeFirst();
}

/** Volumes that are being filled from the snapshot. */
export function listFillingVolumes(db: Queries, snapshotId: SnapshotId): Promise<VolumeRow[]> {
  return db
    .selectFrom('volume')
    .selectAll()
    .where('snapshotId', '=', snapshotId)
    .where('desired', '=', 'present')
    .where((e) => e.or([e('observedState', 'is', null), e('observedState', '=', 'creating')]))
    .execute();
}

export async function insertVolume(db: Queries, row: Insertable<VolumeTable>): Promise<void> {
  await db.insertInto('volume').values(row).execute();
}

export async function updateVolume(
  db: Queries,
  id: VolumeId,
  values: Updateable<VolumeTable>,
): Promise<void> {
  await db.updateTable('volume').set(values).where('id', '=', id).execute();
}

/** Changes what the volume is like; the storage is told again. */
export async function reshapeVolume(
  db: Queries,
  id: VolumeId,
  values: VolumeShape & { offeredSizeGib: number | null },
): Promise<number> {
  const row = await db
    .updateTable('volume')
    .set((e) => ({ ...values, generation: e('generation', '+', 1) }))
    .where('id', '=', id)
    .returning('generation')
    .executeTakeFirstOrThrow();
  return row.generation;
}

/** Changes who may open the volume, or whether it is to exist; the storage is told again, also of its attachments. */
export async function changeVolume(
  db: Queries,
  id: VolumeId,
  values: { desired?: 'absent'; desiredExportTo?: NodeId | null },
): Promise<void> {
  await db
    .updateTable('volume')
    .set((e) => ({ ...values, generation: e('generation', '+', 1) }))
    .where('id', '=', id)
    .execute();
}

export async function deleteVolume(db: Queries, id: VolumeId): Promise<void> {
  await db.deleteFrom('volume').where('id', '=', id).execute();
}
