// Owns a process whose syncs are made to fail: `node failed-sync-writer.ts database|file|blobs|log <folder>` writes several
// times and says each outcome in a line.

import { join } from 'node:path';
import { openBlobLog } from '@ironbark/objects/drivers/blob-log.ts';
import { openDiskBlobStore } from '@ironbark/objects/drivers/disk-blob-store.ts';
import { HashThreads } from '@ironbark/objects/drivers/hash-threads.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { replaceFile } from '@ironbark/platform/files.ts';
import type { Kysely } from 'kysely';

const WRITES = 8;

interface Schema {
  row: { id: number };
}

const migrations = {
  '0001-row': {
    up: async (db: Kysely<Schema>) =>
      db.schema
        .createTable('row')
        .addColumn('id', 'integer', (column) => column.primaryKey())
        .execute(),
  },
};

async function openWriter(kind: string, folder: string): Promise<(n: number) => Promise<unknown>> {
  if (kind === 'file') return (n) => replaceFile(join(folder, 'file'), String(n));
  if (kind === 'blobs') return await openBlobs(folder);
  if (kind === 'log') return await openLog(join(folder, 'log'));
  const db = await openSqlite<Schema>({ path: join(folder, 'db'), migrations });
  const rows = await db.query.selectFrom('row').select('id').execute();
  console.log(`found ${rows.map(({ id }) => id).join(' ')}`);
  return (n) => db.transaction((tx) => tx.insertInto('row').values({ id: n }).execute());
}

async function openLog(folder: string): Promise<(n: number) => Promise<unknown>> {
  const log = await openBlobLog({ folder, lastKnown: 0 });
  return (n) => log.append(String(n).padStart(32, '0'), Buffer.alloc(1_000));
}

/** The nth blob is the only one of its folder. */
async function openBlobs(folder: string): Promise<(n: number) => Promise<unknown>> {
  const hashing = new HashThreads();
  const store = await openDiskBlobStore(folder, hashing);
  return (n) => {
    const id = String(n).padStart(2, '0').padEnd(32, '0');
    const chunks = (async function* () {
      yield Buffer.from(id);
    })();
    const limits = { lengthBytes: id.length, maxBytes: id.length };
    return store.write({ id, chunks, ...limits });
  };
}

const write = await openWriter(process.argv[2]!, process.argv[3]!);
for (let n = 0; n < WRITES; n++) {
  await write(n).then(
    () => console.log(`kept ${n}`),
    (error: unknown) => console.log(`refused ${n} ${(error as { kind?: string }).kind ?? error}`),
  );
}
