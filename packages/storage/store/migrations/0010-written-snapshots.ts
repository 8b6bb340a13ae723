// Owns snapshots that are written block by block, and which blocks of them have been.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addWrittenSnapshots(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('snapshot').addColumn('written', 'text').execute();
  await db.schema.alterTable('snapshot').addColumn('parent_id', 'text').execute();
  await db.schema
    .createTable('written_block')
    .addColumn('snapshot_id', 'text', (c) => c.notNull())
    .addColumn('block_index', 'integer', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('written_block_pk', ['snapshot_id', 'block_index'])
    .execute();
}
