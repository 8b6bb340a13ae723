// Owns the rows of volumes: what is wanted, what was seen.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageVolumeIntent } from '@ironbark/protocol/internal/storage-client.ts';
import type { Kysely, Selectable, Updateable } from 'kysely';
import type { StorageSchema, VolumeTable } from './schema.ts';

export type VolumeRow = Selectable<VolumeTable>;
type Queries = Kysely<StorageSchema>;

export function findVolume(db: Queries, id: VolumeId): Promise<VolumeRow | undefined> {
  return db
    .selectFrom('volume')
    .selectAll()
    .where('id', '=', id)
    .where('forgotten_at', 'is', null)
    .executeTakeFirst();
}

/** It is not to be tried again before there is another wish. */
export function hasFailedToGrow(row: Pick<VolumeRow, 'generation' | 'failed_growth'>): boolean {
  return row.failed_growth === row.generation;
}

/** Of a volume that is not known: where files are, and are looked for. */
export async function backendOf(db: Queries, id: VolumeId): Promise<BackendName> {
  const row = await db
    .selectFrom('volume')
    .select('backend')
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.backend ?? 'file';
}

/** True also for a volume that is long gone, as long as its id is remembered. */
export async function isVolumeKnown(db: Queries, id: VolumeId): Promise<boolean> {
  const row = await db.selectFrom('volume').select('id').where('id', '=', id).executeTakeFirst();
  return row !== undefined;
}

export function listVolumes(db: Queries): Promise<VolumeRow[]> {
  return db.selectFrom('volume').selectAll().where('forgotten_at', 'is', null).execute();
}

/** Keeps the newest intent of a volume; older and equal generations change nothing. */
export async function putVolumeIntent(db: Queries, intent: StorageVolumeIntent): Promise<boolean> {
  const wanted = {
    generation: intent.generation,
    desired: intent.desired,
    size_bytes: intent.sizeBytes,
    export_to: intent.exportTo ?? null,
    open_to: intent.openTo === undefined ? null : JSON.stringify(intent.openTo),
    limits: intent.limits === undefined ? null : JSON.stringify(intent.limits),
  };
  const row: VolumeRow = {
    id: intent.id,
    ...wanted,
    from_snapshot_id: intent.fromSnapshotId ?? null,
    observed_generation: 0,
    observed_state: 'creating',
    progress_percent: 0,
    reason: null,
    exported_to: null,
    export: null,
    export_epoch: 0,
    opened_to: null,
    engine: null,
    away: 0,
    is_filled: 1,
    source_name: null,
    forgotten_at: null,
    backend: intent.backend ?? 'file',
    encrypted_for: intent.encryptedFor ?? null,
    key_envelope: null,
    sealed_bytes: null,
    written_bytes: null,
    is_clone: 0,
    failed_growth: null,
    growth_problem: null,
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('volume')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet(wanted)
        .where('volume.generation', '<', intent.generation)
        .where('volume.forgotten_at', 'is', null),
    )
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export async function updateVolume(
  db: Queries,
  id: VolumeId,
  changes: Updateable<VolumeTable>,
): Promise<void> {
  await db.updateTable('volume').set(changes).where('id', '=', id).execute();
}

/** Volumes that are being filled, or are about to be, from this snapshot. */
export async function listVolumesFillingFrom(db: Queries, id: SnapshotId): Promise<VolumeId[]> {
  const rows = await db
    .selectFrom('volume')
    .select('id')
    .where('from_snapshot_id', '=', id)
    .where((e) =>
      e.or([
        e.and([e('observed_state', '=', 'creating'), e('desired', '=', 'present')]),
        // Also one that is to go: snapshots of its own may still be read through it.
        e.and([
          e('observed_state', '=', 'ready'),
          e('is_filled', '=', 0),
          e('source_name', 'is not', null),
        ]),
      ]),
    )
    .where('forgotten_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/** Volumes that are about to be made from this snapshot. */
export async function listVolumesToMakeFrom(db: Queries, id: SnapshotId): Promise<VolumeId[]> {
  const rows = await db
    .selectFrom('volume')
    .select('id')
    .where('from_snapshot_id', '=', id)
    .where('observed_state', '=', 'creating')
    .where('desired', '=', 'present')
    .where('forgotten_at', 'is', null)
    .execute();
  return rows.map((row) => row.id);
}

/** The volume that is filled under this name of its source. */
export function findVolumeBySource(db: Queries, name: string): Promise<VolumeRow | undefined> {
  return db
    .selectFrom('volume')
    .selectAll()
    .where('source_name', '=', name)
    .where('is_filled', '=', 0)
    .where('forgotten_at', 'is', null)
    .executeTakeFirst();
}

/** Hides volumes that are observed absent. The id stays known, so that a late intent revives nothing. */
export async function forgetVolumes(db: Queries, ids: VolumeId[], nowMs: number): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable('volume')
    .set({ forgotten_at: nowMs })
    .where('id', 'in', ids)
    .where('desired', '=', 'absent')
    .where('observed_state', '=', 'absent')
    .execute();
}

export async function purgeForgottenVolumes(db: Queries, beforeMs: number): Promise<void> {
  await db.deleteFrom('volume').where('forgotten_at', '<', beforeMs).execute();
}
