// Owns the first tables: volumes, snapshots and the chunks of snapshots under way.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnyKysely = Kysely<any>;

export async function createStorageTables(db: AnyKysely): Promise<void> {
  await createVolumes(db);
  await createSnapshots(db);
  await createChunks(db);
}

async function createVolumes(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('volume')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('generation', 'integer', (c) => c.notNull())
    .addColumn('desired', 'text', (c) => c.notNull())
    .addColumn('size_bytes', 'bigint', (c) => c.notNull())
    .addColumn('from_snapshot_id', 'text')
    .addColumn('export_to', 'text')
    .addColumn('observed_generation', 'integer', (c) => c.notNull())
    .addColumn('observed_state', 'text', (c) => c.notNull())
    .addColumn('progress_percent', 'integer', (c) => c.notNull())
    .addColumn('reason', 'text')
    .addColumn('exported_to', 'text')
    .addColumn('export', 'text')
    .addColumn('export_epoch', 'integer', (c) => c.notNull())
    .addColumn('engine', 'text')
    .addColumn('forgotten_at', 'bigint')
    .execute();
}

async function createSnapshots(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('snapshot')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('generation', 'integer', (c) => c.notNull())
    .addColumn('desired', 'text', (c) => c.notNull())
    .addColumn('volume_id', 'text', (c) => c.notNull())
    .addColumn('volume_size_bytes', 'bigint', (c) => c.notNull())
    .addColumn('observed_generation', 'integer', (c) => c.notNull())
    .addColumn('observed_state', 'text', (c) => c.notNull())
    .addColumn('progress_percent', 'integer', (c) => c.notNull())
    .addColumn('reason', 'text')
    .addColumn('stored_bytes', 'bigint', (c) => c.notNull())
    .addColumn('frozen_epoch', 'integer')
    .addColumn('frozen_exported', 'integer', (c) => c.notNull())
    .addColumn('next_chunk', 'integer', (c) => c.notNull())
    .addColumn('forgotten_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('snapshot_by_volume')
    .on('snapshot')
    .columns(['volume_id', 'observed_state'])
    .execute();
}

async function createChunks(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('snapshot_chunk')
    .addColumn('snapshot_id', 'text', (c) => c.notNull())
    .addColumn('chunk_index', 'integer', (c) => c.notNull())
    .addColumn('sha256', 'text', (c) => c.notNull())
    .addColumn('stored_bytes', 'integer', (c) => c.notNull())
    .addColumn('encoding', 'text', (c) => c.notNull())
    .addPrimaryKeyConstraint('snapshot_chunk_key', ['snapshot_id', 'chunk_index'])
    .execute();
}
