// Owns the list of the blobs that a copy of the state store names, for one who copies their files.

import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { objectsMigrations } from './migrations/migrations.ts';
import type { ObjectsSchema } from './schema.ts';

export interface StoredBlobFile {
  /** Below the folder of blobs. */
  path: string;
  sizeBytes: number;
}

const PAGE = 1_000;

/** `path` is a copy of its own, and may be changed by this: never the store of a cloud that runs. */
export async function* listStoredBlobs(path: string): AsyncGenerator<StoredBlobFile> {
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  for (let last = ''; ; ) {
    const rows = await db.query
      .selectFrom('blob')
      .select(['id', 'size_bytes'])
      .where('state', '=', 'stored')
      .where('id', '>', last)
      .orderBy('id')
      .limit(PAGE)
      .execute();
    for (const { id, size_bytes: sizeBytes } of rows) {
      yield { path: `${id.slice(0, 2)}/${id}`, sizeBytes };
      last = id;
    }
    if (rows.length < PAGE) return;
  }
}
