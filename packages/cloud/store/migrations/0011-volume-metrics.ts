// Owns what volumes did, minute by minute.

import type { Migration } from '@ironbark/platform/database/database.ts';

const COUNTS = ['read_ops', 'write_ops', 'read_bytes', 'write_bytes', 'read_ns', 'write_ns'];

export const volumeMetrics: Migration = {
  up: async (db) => {
    let table = db.schema
      .createTable('volume_metric')
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('volume_id', 'text', (c) => c.notNull())
      .addColumn('minute', 'bigint', (c) => c.notNull())
      .addColumn('seconds', 'double precision');
    for (const column of COUNTS) table = table.addColumn(column, 'bigint');
    await table
      .addColumn('provisioned_iops', 'integer')
      .addColumn('is_stalled', 'integer', (c) => c.notNull())
      .addPrimaryKeyConstraint('volume_metric_pk', ['account_id', 'volume_id', 'minute'])
      .execute();
    await db.schema
      .createIndex('volume_metric_minute')
      .on('volume_metric')
      .column('minute')
      .execute();
  },
};
