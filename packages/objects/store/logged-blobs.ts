// Owns the SQL of small blobs: where in the log each stands, and how much of each file of the log is wanted.

import { prepareQuery } from '@ironbark/platform/database/prepared-query.ts';
import type { Kysely } from 'kysely';
import type { BlobTable, LogFileTable, ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export interface LoggedRow {
  id: string;
  sizeBytes: number;
  blockCrcs: string;
  file: number;
  offset: number;
}

/** Stored at once: its bytes are on stable storage already, and without a row nobody misses them. */
export async function insertLoggedBlob(
  tx: Tx,
  blob: LoggedRow & { createdAtMs: number },
): Promise<void> {
  await insertRow(tx, {
    id: blob.id,
    state: 'stored',
    size_bytes: blob.sizeBytes,
    block_crcs: blob.blockCrcs,
    created_at: blob.createdAtMs,
    log_file: blob.file,
    log_offset: blob.offset,
  });
  await addLive(tx, blob.file, { blobs: 1, bytes: blob.sizeBytes });
}

const insertRow = prepareQuery((db: Queries, row: Omit<BlobTable, 'gateway_id'>) =>
  db.insertInto('blob').values(row),
);

/** Its bytes go when its file is rewritten. */
export async function forgetLoggedBlob(
  tx: Tx,
  blob: Pick<LoggedRow, 'id' | 'sizeBytes' | 'file'>,
): Promise<void> {
  await tx.deleteFrom('blob').where('id', '=', blob.id).execute();
  await addLive(tx, blob.file, { blobs: -1, bytes: -blob.sizeBytes });
}

/** Nothing is changed when it has gone meanwhile. */
export async function moveLoggedBlob(
  tx: Tx,
  from: LoggedRow,
  to: { file: number; offset: number },
): Promise<void> {
  const moved = await tx
    .updateTable('blob')
    .set({ log_file: to.file, log_offset: to.offset })
    .where('id', '=', from.id)
    .where('log_file', '=', from.file)
    .where('log_offset', '=', from.offset)
    .executeTakeFirst();
  if (moved.numUpdatedRows === 0n) return;
  await addLive(tx, to.file, { blobs: 1, bytes: from.sizeBytes });
  await addLive(tx, from.file, { blobs: -1, bytes: -from.sizeBytes });
}

async function addLive(
  tx: Tx,
  number: number,
  { blobs, bytes }: { blobs: number; bytes: number },
): Promise<void> {
  await addToFile(tx, { number, live_blobs: blobs, live_bytes: bytes });
}

const addToFile = prepareQuery((db: Queries, more: LogFileTable) =>
  db
    .insertInto('log_file')
    .values(more)
    .onConflict((conflict) =>
      conflict.column('number').doUpdateSet((eb) => ({
        live_blobs: eb('log_file.live_blobs', '+', more.live_blobs),
        live_bytes: eb('log_file.live_bytes', '+', more.live_bytes),
      })),
    ),
);

/** In the order in which they stand there. */
export async function listLoggedIn(db: Queries, file: number): Promise<LoggedRow[]> {
  const rows = await db
    .selectFrom('blob')
    .select(['id', 'size_bytes', 'block_crcs', 'log_offset'])
    .where('log_file', '=', file)
    .orderBy('log_offset')
    .execute();
  return rows.map((row) => ({
    id: row.id,
    sizeBytes: row.size_bytes,
    blockCrcs: row.block_crcs,
    file,
    offset: row.log_offset!,
  }));
}

export async function listLogFileRows(db: Queries): Promise<LogFileTable[]> {
  return await db.selectFrom('log_file').selectAll().orderBy('number').execute();
}

/** The highest number that a row knows; 0 when there is none. */
export async function findLastLogFile(db: Queries): Promise<number> {
  const row = await db
    .selectFrom('log_file')
    .select((eb) => eb.fn.max('number').as('last'))
    .executeTakeFirst();
  return Number(row?.last ?? 0);
}

/** Changes nothing, and is synced as every transaction is: with all that was committed before it. */
export async function settleLogFile(tx: Tx, number: number): Promise<void> {
  await tx
    .updateTable('log_file')
    .set((eb) => ({ live_blobs: eb.ref('live_blobs') }))
    .where('number', '=', number)
    .execute();
}

export async function deleteLogFileRow(tx: Tx, number: number): Promise<void> {
  await tx.deleteFrom('log_file').where('number', '=', number).execute();
}
