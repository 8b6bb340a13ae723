// Owns the change of schema that keeps small blobs in a log: the place of each, and how much of each file is wanted.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const addLog: Migration = {
  up: async (db) => {
    await db.schema.alterTable('blob').addColumn('log_file', 'bigint').execute();
    await db.schema.alterTable('blob').addColumn('log_offset', 'bigint').execute();
    await db.schema
      .createIndex('blob_log')
      .on('blob')
      .columns(['log_file', 'log_offset'])
      .execute();
    await db.schema
      .createTable('log_file')
      .addColumn('number', 'bigint', (column) => column.primaryKey())
      .addColumn('live_blobs', 'bigint', (column) => column.notNull())
      .addColumn('live_bytes', 'bigint', (column) => column.notNull())
      .execute();
  },
};
