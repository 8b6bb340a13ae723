// Owns the first schema of Walrus. Keys are compared by bytes: SQLite's default; elsewhere the collation `C`.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnySchema = Kysely<any>;

export const createObjects: Migration = {
  up: async (db) => {
    await createBuckets(db);
    await createBlobs(db);
    await createVersions(db);
    await createUploads(db);
  },
};

async function createBuckets(db: AnySchema): Promise<void> {
  await db.schema
    .createTable('bucket')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('name', 'text', (column) => column.notNull().unique())
    .addColumn('account_id', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
}

async function createBlobs(db: AnySchema): Promise<void> {
  await db.schema
    .createTable('blob')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('block_crcs', 'text', (column) => column.notNull())
    .addColumn('created_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema.createIndex('blob_state').on('blob').column('state').execute();
}

async function createVersions(db: AnySchema): Promise<void> {
  await db.schema
    .createTable('object')
    .addColumn('bucket_id', 'text', (column) => column.notNull().references('bucket.id'))
    .addColumn('object_key', 'text', (column) => column.notNull())
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('object_pk', ['bucket_id', 'object_key'])
    .execute();
  await db.schema
    .createTable('object_version')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('bucket_id', 'text', (column) => column.notNull().references('bucket.id'))
    .addColumn('object_key', 'text', (column) => column.notNull())
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('etag', 'text', (column) => column.notNull())
    .addColumn('headers', 'text', (column) => column.notNull())
    .addColumn('checksum_algorithm', 'text')
    .addColumn('checksum_type', 'text')
    .addColumn('checksum_value', 'text')
    .addColumn('upload_id', 'text')
    .addColumn('last_modified_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createTable('segment')
    .addColumn('version_id', 'text', (column) => column.notNull())
    .addColumn('position', 'integer', (column) => column.notNull())
    .addColumn('blob_id', 'text', (column) => column.notNull().references('blob.id'))
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('segment_pk', ['version_id', 'position'])
    .execute();
  await db.schema.createIndex('segment_blob').on('segment').column('blob_id').execute();
  await db.schema.createIndex('version_bucket').on('object_version').column('bucket_id').execute();
}

async function createUploads(db: AnySchema): Promise<void> {
  await db.schema
    .createTable('upload')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('bucket_id', 'text', (column) => column.notNull().references('bucket.id'))
    .addColumn('object_key', 'text', (column) => column.notNull())
    .addColumn('headers', 'text', (column) => column.notNull())
    .addColumn('checksum_algorithm', 'text')
    .addColumn('checksum_type', 'text')
    .addColumn('initiated_at', 'bigint', (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex('upload_key')
    .on('upload')
    .columns(['bucket_id', 'object_key', 'id'])
    .execute();
  await db.schema
    .createTable('part')
    .addColumn('upload_id', 'text', (column) => column.notNull().references('upload.id'))
    .addColumn('part_number', 'integer', (column) => column.notNull())
    .addColumn('blob_id', 'text', (column) => column.notNull().references('blob.id'))
    .addColumn('size_bytes', 'bigint', (column) => column.notNull())
    .addColumn('etag', 'text', (column) => column.notNull())
    .addColumn('checksum_value', 'text')
    .addColumn('last_modified_at', 'bigint', (column) => column.notNull())
    .addPrimaryKeyConstraint('part_pk', ['upload_id', 'part_number'])
    .execute();
  await db.schema.createIndex('part_blob').on('part').column('blob_id').execute();
}
