// Owns snapshots that are shared, locked, copied or taken together, and the attributes of volumes.

import type { Migration } from '@ironbark/platform/database/database.ts';

const SNAPSHOT_COLUMNS = {
  content_id: 'text',
  together: 'text',
  lock_mode: 'text',
  lock_created_at: 'bigint',
  lock_cool_off_hours: 'integer',
  lock_duration_days: 'integer',
  lock_expires_at: 'bigint',
} as const;

export const sharedSnapshots: Migration = {
  up: async (db) => {
    for (const [column, type] of Object.entries(SNAPSHOT_COLUMNS)) {
      await db.schema.alterTable('snapshot').addColumn(column, type).execute();
    }
    await db.schema
      .createIndex('snapshot_content_id')
      .on('snapshot')
      .column('content_id')
      .execute();
    await db.schema
      .alterTable('volume')
      .addColumn('auto_enable_io', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema
      .createTable('snapshot_permission')
      .addColumn('snapshot_id', 'text', (c) => c.notNull())
      .addColumn('grantee', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('snapshot_permission_pk', ['snapshot_id', 'grantee'])
      .execute();
    await db.schema
      .createTable('signing_secret')
      .addColumn('name', 'text', (c) => c.primaryKey())
      .addColumn('secret', 'text', (c) => c.notNull())
      .execute();
  },
};
