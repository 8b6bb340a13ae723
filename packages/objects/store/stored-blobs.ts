// Owns the list of the files that hold the blobs which a copy of the state store names, for one who copies them.

import type { Database } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { objectsMigrations } from './migrations/migrations.ts';
import type { ObjectsSchema } from './schema.ts';

export interface StoredBlobFile {
  /** Below Walrus' folder. */
  path: string;
  /** So many of its bytes are wanted. */
  sizeBytes: number;
  /** It may have more than that by now. */
  grows: boolean;
  /** Blobs that stand in it. */
  blobs: number;
}

const PAGE = 1_000;

/** `path` is a copy of its own, and may be changed by this: never the store of a cloud that runs. */
export async function* listStoredBlobs(path: string): AsyncGenerator<StoredBlobFile> {
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  yield* listLog(db);
  for (let last = ''; ; ) {
    const rows = await db.query
      .selectFrom('blob')
      .select(['id', 'size_bytes'])
      .where('state', '=', 'stored')
      .where('log_file', 'is', null)
      .where('id', '>', last)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    for (const { id, size_bytes: sizeBytes } of rows) {
      yield { path: `blobs/${id.slice(0, 2)}/${id}`, sizeBytes, grows: false, blobs: 1 };
      last = id;
    }
    if (rows.length < PAGE) return;
  }
}

async function* listLog(db: Database<ObjectsSchema>): AsyncGenerator<StoredBlobFile> {
  const files = await db.query
    .selectFrom('blob')
    .where('log_file', 'is not', null)
    .select(({ eb, fn }) => [
      'log_file as file',
      fn.countAll<number>().as('blobs'),
      fn.max(eb('log_offset', '+', eb.ref('size_bytes'))).as('sizeBytes'),
    ])
    .groupBy('log_file')
    .orderBy('log_file')
    .execute();
  for (const { file, blobs, sizeBytes } of files) {
    const path = `log/${String(file).padStart(8, '0')}.log`;
    yield { path, sizeBytes: Number(sizeBytes), grows: true, blobs: Number(blobs) };
  }
}
