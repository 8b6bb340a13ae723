// Owns the rows of blocks and of who needs them. A reference is written before its block is stored, so the collector
// never finds a block without one while a snapshot is being written.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { type Kysely, type Selectable, sql } from 'kysely';
import type { BlockTable, StorageSchema } from './schema.ts';

export type BlockRow = Selectable<BlockTable>;
type Queries = Kysely<StorageSchema>;

export interface BlockUser {
  scope: string;
  snapshotId: SnapshotId;
}

export interface BlockPlace {
  index: number;
  sha256: string;
}

export interface StoredBlock {
  sha256: string;
  encoding: 'raw' | 'zstd';
  storedBytes: number;
}

/** A run of a snapshot's blocks: `end` is the first one behind it. */
export interface BlockRun {
  first: number;
  end: number;
}

export function findBlock(
  db: Queries,
  scope: string,
  sha256: string,
): Promise<BlockRow | undefined> {
  return db
    .selectFrom('block')
    .selectAll()
    .where('scope', '=', scope)
    .where('sha256', '=', sha256)
    .executeTakeFirst();
}

/** Refers to blocks, and says which of them are still to be stored. Throws while one of them is being removed. */
export async function referToBlocks(
  db: Queries,
  { scope, snapshotId }: BlockUser,
  places: readonly BlockPlace[],
): Promise<Set<string>> {
  const missing = new Set<string>();
  for (const { index, sha256 } of places) {
    if (await holdBlock(db, scope, sha256)) missing.add(sha256);
    const row = { snapshot_id: snapshotId, block_index: index, scope, sha256 };
    await db
      .insertInto('snapshot_block')
      .values(row)
      .onConflict((conflict) => conflict.columns(['snapshot_id', 'block_index']).doUpdateSet(row))
      .execute();
  }
  return missing;
}

/** True when the object has to be stored. */
async function holdBlock(db: Queries, scope: string, sha256: string): Promise<boolean> {
  const block = await findBlock(db, scope, sha256);
  if (block?.is_deleting === 1) throw new Error(`block ${sha256} is being removed`);
  if (block === undefined) {
    const nothing = { encoding: null, stored_bytes: null, condemned_at: null, is_deleting: 0 };
    await db
      .insertInto('block')
      .values({ scope, sha256, ...nothing })
      .execute();
  } else if (block.condemned_at !== null) {
    await changeBlock(db, scope, sha256).set({ condemned_at: null }).execute();
  }
  return block?.stored_bytes == null;
}

export async function noteStored(
  db: Queries,
  scope: string,
  blocks: readonly StoredBlock[],
): Promise<void> {
  for (const { sha256, encoding, storedBytes } of blocks) {
    await changeBlock(db, scope, sha256).set({ encoding, stored_bytes: storedBytes }).execute();
  }
}

/** What the object store gave back was not this block: the next snapshot that has its bytes stores it again. */
export async function noteDamaged(db: Queries, scope: string, sha256: string): Promise<void> {
  await changeBlock(db, scope, sha256).set({ encoding: null, stored_bytes: null }).execute();
}

function changeBlock(db: Queries, scope: string, sha256: string) {
  return db.updateTable('block').where('scope', '=', scope).where('sha256', '=', sha256);
}

/** Refers to what another snapshot has in a run, except at some indices. */
export async function copyReferences(
  db: Queries,
  { from, to }: { from: SnapshotId; to: SnapshotId },
  { first, end }: BlockRun,
  except: readonly number[],
): Promise<void> {
  const source = db
    .selectFrom('snapshot_block')
    .select([sql<SnapshotId>`${to}`.as('snapshot_id'), 'block_index', 'scope', 'sha256'])
    .where('snapshot_id', '=', from)
    .where('block_index', '>=', first)
    .where('block_index', '<', end)
    .$if(except.length > 0, (query) => query.where('block_index', 'not in', [...except]));
  await removeReferences(db, to, { first, end });
  await db
    .insertInto('snapshot_block')
    .columns(['snapshot_id', 'block_index', 'scope', 'sha256'])
    .expression(source)
    .execute();
}

export async function removeReferences(
  db: Queries,
  id: SnapshotId,
  { first, end }: BlockRun,
): Promise<void> {
  await db
    .deleteFrom('snapshot_block')
    .where('snapshot_id', '=', id)
    .where('block_index', '>=', first)
    .where('block_index', '<', end)
    .execute();
}

/** Blocks of a snapshot in a run, with what is known of their objects, in order of index. */
export function listBlocks(db: Queries, id: SnapshotId, { first, end }: BlockRun) {
  return db
    .selectFrom('snapshot_block')
    .innerJoin('block', (join) =>
      join
        .onRef('block.scope', '=', 'snapshot_block.scope')
        .onRef('block.sha256', '=', 'snapshot_block.sha256'),
    )
    .select(['block_index', 'snapshot_block.sha256', 'encoding', 'stored_bytes'])
    .where('snapshot_id', '=', id)
    .where('block_index', '>=', first)
    .where('block_index', '<', end)
    .orderBy('block_index')
    .execute();
}

/** The first index at which the object is not known to be stored. */
export async function findUnstored(db: Queries, id: SnapshotId): Promise<number | undefined> {
  const row = await db
    .selectFrom('snapshot_block')
    .innerJoin('block', (join) =>
      join
        .onRef('block.scope', '=', 'snapshot_block.scope')
        .onRef('block.sha256', '=', 'snapshot_block.sha256'),
    )
    .select('block_index')
    .where('snapshot_id', '=', id)
    .where('stored_bytes', 'is', null)
    .orderBy('block_index')
    .limit(1)
    .executeTakeFirst();
  return row?.block_index;
}

/** Bytes of the objects that a snapshot needs, each counted once. */
export async function sumStoredBytes(
  db: Queries,
  { scope, snapshotId }: BlockUser,
): Promise<number> {
  const row = await db
    .selectFrom('block')
    .select((e) => e.fn.sum<number | null>('stored_bytes').as('total'))
    .where('scope', '=', scope)
    .where('sha256', 'in', selectDigests(db, snapshotId))
    .executeTakeFirst();
  return Number(row?.total ?? 0);
}

/** Ends a snapshot's references, and condemns the blocks that nobody else needs. */
export async function releaseBlocks(
  db: Queries,
  { scope, snapshotId }: BlockUser,
  nowMs: number,
): Promise<void> {
  await db
    .updateTable('block')
    .set({ condemned_at: nowMs })
    .where('scope', '=', scope)
    .where('sha256', 'in', selectDigests(db, snapshotId))
    .where((e) => {
      const others = e
        .selectFrom('snapshot_block as other')
        .select('other.sha256')
        .whereRef('other.scope', '=', 'block.scope')
        .whereRef('other.sha256', '=', 'block.sha256')
        .where('other.snapshot_id', '!=', snapshotId);
      return e.not(e.exists(others));
    })
    .where('condemned_at', 'is', null)
    .execute();
  await db.deleteFrom('snapshot_block').where('snapshot_id', '=', snapshotId).execute();
}

function selectDigests(db: Queries, id: SnapshotId) {
  return db.selectFrom('snapshot_block').select('sha256').where('snapshot_id', '=', id);
}

/** The time at which the block was condemned that has been so for longest. */
export async function findOldestCondemnation(db: Queries): Promise<number | undefined> {
  const row = await db
    .selectFrom('block')
    .select('condemned_at')
    .where('condemned_at', 'is not', null)
    .orderBy('condemned_at')
    .limit(1)
    .executeTakeFirst();
  return row?.condemned_at ?? undefined;
}

/** Blocks that were condemned long enough ago are closed to new references, some of them at a time. */
export async function claimCondemned(
  db: Queries,
  beforeMs: number,
  limit: number,
): Promise<Pick<BlockRow, 'scope' | 'sha256'>[]> {
  const claimed = await db
    .selectFrom('block')
    .select(['scope', 'sha256'])
    .where('condemned_at', '<=', beforeMs)
    .orderBy('condemned_at')
    .limit(limit)
    .execute();
  for (const { scope, sha256 } of claimed) {
    await changeBlock(db, scope, sha256).set({ is_deleting: 1 }).execute();
  }
  return claimed;
}

/** Their objects are gone. */
export async function forgetBlocks(
  db: Queries,
  blocks: readonly Pick<BlockRow, 'scope' | 'sha256'>[],
): Promise<void> {
  for (const { scope, sha256 } of blocks) {
    await db
      .deleteFrom('block')
      .where('scope', '=', scope)
      .where('sha256', '=', sha256)
      .where('is_deleting', '=', 1)
      .execute();
  }
}
