// Owns the rows of snapshots: what is wanted, what was seen.

import type { AccountId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { StorageSnapshotIntent } from '@ironbark/protocol/internal/storage-client.ts';
import type { Kysely, Selectable, Updateable } from 'kysely';
import type { SnapshotTable, StorageSchema } from './schema.ts';

export type SnapshotRow = Selectable<SnapshotTable>;
type Queries = Kysely<StorageSchema>;

/**
 * Rows of earlier versions have none: their blocks are shared among the snapshots of their volume. Encrypted blocks
 * are shared with encrypted ones alone.
 */
export function scopeOf(row: SnapshotRow): string {
  const scope = row.scope ?? row.volume_id;
  return row.encrypted === 1 ? `${scope}${SEALED_SUFFIX}` : scope;
}

/** Whose key encrypts it. */
export function accountOf({ id, scope }: SnapshotRow): AccountId {
  if (scope === null) throw new Error(`${id} is older than encryption`);
  return scope;
}

/** Of scopes whose blocks are encrypted. */
export const SEALED_SUFFIX = '-sealed';

export function findSnapshot(db: Queries, id: SnapshotId): Promise<SnapshotRow | undefined> {
  return selectKnown(db).where('id', '=', id).executeTakeFirst();
}

export function listSnapshots(db: Queries): Promise<SnapshotRow[]> {
  return selectKnown(db).execute();
}

/** Copies that are still being made of this snapshot. */
export function listCopying(db: Queries, id: SnapshotId): Promise<SnapshotRow[]> {
  return selectPending(db).where('copy_of', '=', id).execute();
}

/** Those that the Storage Controller has ever heard of, forgotten ones too. */
export function findSnapshotsEver(db: Queries, ids: readonly SnapshotId[]): Promise<SnapshotRow[]> {
  return db.selectFrom('snapshot').selectAll().where('id', 'in', ids).orderBy('id').execute();
}

/** Snapshots that still need their volume: wanted and not yet complete. */
export function listUnfinishedSnapshots(db: Queries, volumeId: VolumeId): Promise<SnapshotRow[]> {
  return selectPending(db).where('volume_id', '=', volumeId).execute();
}

function selectPending(db: Queries) {
  return selectKnown(db).where('desired', '=', 'present').where('observed_state', '=', 'pending');
}

function selectKnown(db: Queries) {
  return db.selectFrom('snapshot').selectAll().where('forgotten_at', 'is', null);
}

/** Whose references are not known: nothing may be removed as long as there is one. */
export async function hasUnknownBlocks(db: Queries): Promise<boolean> {
  const row = await db
    .selectFrom('snapshot')
    .select('id')
    .where('unknown_blocks', '=', 1)
    .where('forgotten_at', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}

/** Snapshots of a volume that are whole and stay, so that the next one may refer to their blocks. */
export async function listCompletedSnapshots(
  db: Queries,
  volumeId: VolumeId,
): Promise<SnapshotRow[]> {
  return selectKnown(db)
    .where('volume_id', '=', volumeId)
    .where('desired', '=', 'present')
    .where('observed_state', '=', 'completed')
    .where('unknown_blocks', '=', 0)
    .execute();
}

/** Keeps the newest intent of a snapshot; older and equal generations change nothing. */
export async function putSnapshotIntent(
  db: Queries,
  intent: StorageSnapshotIntent,
): Promise<boolean> {
  const { written } = intent;
  const wanted = {
    generation: intent.generation,
    desired: intent.desired,
    ...(written === undefined ? {} : { written: written.state }),
  };
  const row: SnapshotRow = {
    id: intent.id,
    ...wanted,
    volume_id: intent.volumeId,
    volume_size_bytes: intent.volumeSizeBytes,
    observed_generation: 0,
    observed_state: 'pending',
    progress_percent: 0,
    reason: null,
    stored_bytes: 0,
    // A copy has its point in time already.
    frozen_epoch: intent.copyOf === undefined ? null : 0,
    frozen_exported: 0,
    next_chunk: 0,
    together: intent.together === undefined ? null : JSON.stringify(intent.together),
    forgotten_at: null,
    scope: intent.accountId,
    added_bytes: 0,
    unknown_blocks: 0,
    encrypted: intent.encrypted === true ? 1 : 0,
    copy_of: intent.copyOf ?? null,
    written: written?.state ?? null,
    parent_id: written?.parent ?? null,
    source: intent.source === undefined ? null : JSON.stringify(intent.source),
    point: null,
  };
  const { numInsertedOrUpdatedRows } = await db
    .insertInto('snapshot')
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column('id')
        .doUpdateSet(wanted)
        .where('snapshot.generation', '<', intent.generation)
        .where('snapshot.forgotten_at', 'is', null),
    )
    .executeTakeFirst();
  return (numInsertedOrUpdatedRows ?? 0n) > 0n;
}

export async function updateSnapshot(
  db: Queries,
  id: SnapshotId,
  changes: Updateable<SnapshotTable>,
): Promise<void> {
  await db.updateTable('snapshot').set(changes).where('id', '=', id).execute();
}

/** Hides snapshots that are observed absent. The id stays known, so that a late intent revives nothing. */
export async function forgetSnapshots(
  db: Queries,
  ids: SnapshotId[],
  nowMs: number,
): Promise<void> {
  if (ids.length === 0) return;
  await db
    .updateTable('snapshot')
    .set({ forgotten_at: nowMs })
    .where('id', 'in', ids)
    .where('desired', '=', 'absent')
    .where('observed_state', '=', 'absent')
    .execute();
}

export async function purgeForgottenSnapshots(db: Queries, beforeMs: number): Promise<void> {
  await db.deleteFrom('snapshot').where('forgotten_at', '<', beforeMs).execute();
}
