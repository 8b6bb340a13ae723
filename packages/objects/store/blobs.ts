// Owns the SQL of blobs: which files exist, which of them are wanted, and which are to go.

import { type Kysely, sql } from 'kysely';
import { forgetLoggedBlob } from './logged-blobs.ts';
import type { BlobState, BlobTable, ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

/** Below the number of bound values that any engine takes in one statement. */
const MAX_IDS_PER_STATEMENT = 500;

export async function insertUploadingBlob(
  db: Queries,
  blob: { id: string; createdAtMs: number; gatewayId: string | null },
): Promise<void> {
  const row = { id: blob.id, state: 'uploading' as const, size_bytes: 0, block_crcs: '' };
  const noPlace = { log_file: null, log_offset: null };
  await db
    .insertInto('blob')
    .values({
      ...{ ...row, ...noPlace },
      created_at: blob.createdAtMs,
      gateway_id: blob.gatewayId,
    })
    .execute();
}

/** False when the row is gone: somebody took the upload for abandoned. */
export async function markStored(
  tx: Tx,
  blob: { id: string; sizeBytes: number; blockCrcs: string },
): Promise<boolean> {
  const result = await tx
    .updateTable('blob')
    .set({ state: 'stored', size_bytes: blob.sizeBytes, block_crcs: blob.blockCrcs })
    .where('id', '=', blob.id)
    .where('state', '=', 'uploading')
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * So that it cannot become stored any more, whatever its writer still does. False when it has, or is gone. Its bytes may go
 * only afterwards.
 */
export async function doomUploading(db: Queries, id: string): Promise<boolean> {
  const result = await db
    .updateTable('blob')
    .set({ state: 'doomed' })
    .where('id', '=', id)
    .where('state', '!=', 'stored')
    .executeTakeFirst();
  return result.numUpdatedRows === 1n;
}

/**
 * Dooms those of the blobs that no version and no part refers to; gives those whose files are to go. One in the log has
 * none and is forgotten at once. The files are the gateway's to remove.
 */
export async function doomUnreferenced(
  tx: Tx,
  ids: readonly string[],
  gatewayId: string | null,
): Promise<string[]> {
  const doomed: string[] = [];
  for (const some of batches([...new Set(ids)])) {
    await tx
      .updateTable('blob')
      .set({ state: 'doomed', gateway_id: gatewayId })
      .where('id', 'in', some)
      .where((eb) =>
        eb.not(
          eb.exists(eb.selectFrom('segment').select('blob_id').whereRef('blob_id', '=', 'blob.id')),
        ),
      )
      .where((eb) =>
        eb.not(
          eb.exists(eb.selectFrom('part').select('blob_id').whereRef('blob_id', '=', 'blob.id')),
        ),
      )
      .execute();
    const rows = await tx
      .selectFrom('blob')
      .select(['id', 'size_bytes as sizeBytes', 'log_file as file'])
      .where('id', 'in', some)
      .where('state', '=', 'doomed')
      .execute();
    for (const { file, ...row } of rows) {
      if (file === null) doomed.push(row.id);
      else await forgetLoggedBlob(tx, { ...row, file });
    }
  }
  return doomed;
}

export async function findBlobState(db: Queries, id: string): Promise<BlobState | undefined> {
  const row = await db.selectFrom('blob').select('state').where('id', '=', id).executeTakeFirst();
  return row?.state;
}

export async function findBlobs(db: Queries, ids: readonly string[]): Promise<BlobTable[]> {
  const rows: BlobTable[] = [];
  for (const some of batches(ids)) {
    rows.push(...(await db.selectFrom('blob').selectAll().where('id', 'in', some).execute()));
  }
  return rows;
}

/** Of this gateway. */
export async function listBlobsInState(
  db: Queries,
  {
    state,
    gatewayId,
    limit,
  }: { state: Exclude<BlobState, 'stored'>; gatewayId: string | null; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom('blob')
    .select('id')
    .where('state', '=', state)
    // As the index has it.
    .where('state', '!=', sql.lit('stored'))
    .where('gateway_id', gatewayId === null ? 'is' : '=', gatewayId)
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

/** Ids of stored blobs that begin with these digits, in order. */
export async function listStoredInGroup(
  db: Queries,
  { group, after, limit }: { group: string; after: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .selectFrom('blob')
    .select('id')
    .where('id', '>', after)
    .where('id', '>=', group)
    // Behind every digit.
    .where('id', '<', `${group}g`)
    .where('state', '=', 'stored')
    .orderBy('id')
    .limit(limit)
    .execute();
  return rows.map((row) => row.id);
}

export async function deleteBlob(db: Queries, id: string): Promise<void> {
  await db.deleteFrom('blob').where('id', '=', id).where('state', '!=', 'stored').execute();
}

function* batches(ids: readonly string[]): Generator<string[]> {
  for (let at = 0; at < ids.length; at += MAX_IDS_PER_STATEMENT) {
    yield ids.slice(at, at + MAX_IDS_PER_STATEMENT);
  }
}
