// Owns the tables of content-addressed blocks: what the object store holds, and which snapshot needs which block; and
// of volumes what they still lack of theirs.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnyKysely = Kysely<any>;

export async function createBlockTables(db: AnyKysely): Promise<void> {
  await db.schema.alterTable('snapshot').addColumn('scope', 'text').execute();
  await db.schema
    .alterTable('snapshot')
    .addColumn('added_bytes', 'bigint', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema
    .alterTable('snapshot')
    .addColumn('unknown_blocks', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await addFilling(db);
  await createBlocks(db);
  await createReferences(db);
  await restartUploads(db);
}

/** Volumes of earlier versions were filled before they were ready. */
async function addFilling(db: AnyKysely): Promise<void> {
  await db.schema
    .alterTable('volume')
    .addColumn('is_filled', 'integer', (c) => c.notNull().defaultTo(1))
    .execute();
  await db.schema.alterTable('volume').addColumn('source_name', 'text').execute();
}

async function createBlocks(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('block')
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('encoding', 'text')
    .addColumn('stored_bytes', 'integer')
    .addColumn('condemned_at', 'bigint')
    .addColumn('is_deleting', 'integer', (c) => c.notNull())
    .addPrimaryKeyConstraint('block_key', ['scope', 'sha256'])
    .execute();
  await db.schema
    .createIndex('block_by_condemnation')
    .on('block')
    .columns(['condemned_at'])
    .execute();
}

async function createReferences(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('snapshot_block')
    .addColumn('snapshot_id', 'text', (c) => c.notNull())
    .addColumn('block_index', 'integer', (c) => c.notNull())
    .addColumn('scope', 'text', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('snapshot_block_key', ['snapshot_id', 'block_index'])
    .execute();
  await db.schema
    .createIndex('snapshot_block_by_block')
    .on('snapshot_block')
    .columns(['scope', 'sha256'])
    .execute();
}

/** Those under way counted chunks of another size. Their points in time are still held. */
async function restartUploads(db: AnyKysely): Promise<void> {
  await db
    .updateTable('snapshot')
    .set({ next_chunk: 0, stored_bytes: 0 })
    .where('observed_state', '=', 'pending')
    .execute();
  await db.deleteFrom('snapshot_chunk').execute();
}
