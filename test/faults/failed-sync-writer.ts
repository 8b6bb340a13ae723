// Owns a process whose syncs are made to fail: `node failed-sync-writer.ts database|file <folder>` writes several
// times and says each outcome in a line.

import { join } from 'node:path';
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
  const db = await openSqlite<Schema>({ path: join(folder, 'db'), migrations });
  const rows = await db.query.selectFrom('row').select('id').execute();
  console.log(`found ${rows.map(({ id }) => id).join(' ')}`);
  return (n) => db.transaction((tx) => tx.insertInto('row').values({ id: n }).execute());
}

const write = await openWriter(process.argv[2]!, process.argv[3]!);
for (let n = 0; n < WRITES; n++) {
  await write(n).then(
    () => console.log(`kept ${n}`),
    (error: unknown) => console.log(`refused ${n} ${(error as { kind?: string }).kind ?? error}`),
  );
}
