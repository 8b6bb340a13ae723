// Owns the rows of snapshots that are written block by block. While a block is on its way it is referred to under an
// index of its own, below zero, so that neither the collector nor a reader of the snapshot meets it half written.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { Kysely } from 'kysely';
import { type BlockUser, referToBlocks } from './blocks.ts';
import type { StorageSchema } from './schema.ts';

type Queries = Kysely<StorageSchema>;

/** Where the block of an index is held until it is stored. */
export function stagingIndex(index: number): number {
  return -1 - index;
}

/** Ends one reference, and condemns its block if that was the last. */
export async function releaseIndex(
  db: Queries,
  { scope, snapshotId }: BlockUser,
  index: number,
  nowMs: number,
): Promise<void> {
  const row = await db
    .deleteFrom('snapshot_block')
    .where('snapshot_id', '=', snapshotId)
    .where('block_index', '=', index)
    .returning('sha256')
    .executeTakeFirst();
  if (row === undefined) return;
  await db
    .updateTable('block')
    .set({ condemned_at: nowMs })
    .where('scope', '=', scope)
    .where('sha256', '=', row.sha256)
    .where('condemned_at', 'is', null)
    .where((e) => {
      const others = e
        .selectFrom('snapshot_block')
        .select('sha256')
        .where('scope', '=', scope)
        .where('sha256', '=', row.sha256);
      return e.not(e.exists(others));
    })
    .execute();
}

/** What was on its way when a process died. */
export async function releaseStaged(db: Queries, user: BlockUser, nowMs: number): Promise<void> {
  const staged = await db
    .selectFrom('snapshot_block')
    .select('block_index')
    .where('snapshot_id', '=', user.snapshotId)
    .where('block_index', '<', 0)
    .execute();
  for (const row of staged) await releaseIndex(db, user, row.block_index, nowMs);
}

/** From now on the block is the snapshot's; `isZeros`: it has none there. Throws when its object may have gone. */
export async function placeBlock(
  db: Queries,
  user: BlockUser,
  block: { index: number; sha256: string; isZeros: boolean },
  nowMs: number,
): Promise<void> {
  const { index, sha256, isZeros } = block;
  await releaseIndex(db, user, index, nowMs);
  if (!isZeros) {
    const missing = await referToBlocks(db, user, [{ index, sha256 }]);
    if (missing.size > 0) throw new Error(`block ${sha256} went while it was written`);
    await releaseIndex(db, user, stagingIndex(index), nowMs);
  }
  const row = { snapshot_id: user.snapshotId, block_index: index, sha256 };
  await db
    .insertInto('written_block')
    .values(row)
    .onConflict((conflict) => conflict.columns(['snapshot_id', 'block_index']).doUpdateSet(row))
    .execute();
}

/** In order of index. */
export async function listWrittenDigests(db: Queries, id: SnapshotId): Promise<string[]> {
  const rows = await db
    .selectFrom('written_block')
    .select('sha256')
    .where('snapshot_id', '=', id)
    .orderBy('block_index')
    .execute();
  return rows.map(({ sha256 }) => sha256);
}

export async function forgetWritten(db: Queries, id: SnapshotId): Promise<void> {
  await db.deleteFrom('written_block').where('snapshot_id', '=', id).execute();
}
