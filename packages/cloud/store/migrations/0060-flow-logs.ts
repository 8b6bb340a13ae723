// Owns the table of flow logs.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const flowLogs: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('flow_log')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('resource_id', 'text', (c) => c.notNull())
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .addColumn('traffic_type', 'text', (c) => c.notNull())
      .addColumn('destination', 'text', (c) => c.notNull())
      .addColumn('bucket', 'text', (c) => c.notNull())
      .addColumn('prefix', 'text', (c) => c.notNull())
      .addColumn('format', 'text', (c) => c.notNull())
      .addColumn('max_aggregation_seconds', 'integer', (c) => c.notNull())
      .addColumn('is_hive', 'integer', (c) => c.notNull())
      .addColumn('is_hourly', 'integer', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('deliver_status', 'text')
      .addColumn('deliver_error', 'text')
      .execute();
    for (const column of ['account_id', 'resource_id', 'vpc_id']) {
      await db.schema.createIndex(`flow_log_by_${column}`).on('flow_log').column(column).execute();
    }
  },
};
