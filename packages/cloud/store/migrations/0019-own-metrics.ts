// Owns users' own metrics: what each is called, and its points by the minute; what the disks below volumes can do; alarms.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const ownMetrics: Migration = {
  up: async (db) => {
    for (const column of ['device_read_rate', 'device_write_rate']) {
      await db.schema.alterTable('volume_metric').addColumn(column, 'double precision').execute();
    }
    await db.schema
      .createTable('alarm')
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('definition', 'text', (c) => c.notNull())
      .addColumn('configured_at', 'bigint', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('reason', 'text', (c) => c.notNull())
      .addColumn('state_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('alarm_pk', ['account_id', 'name'])
      .execute();
    await db.schema
      .createTable('own_metric')
      .addColumn('series', 'text', (c) => c.notNull())
      .addColumn('unit', 'text', (c) => c.notNull())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('namespace', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('dimensions', 'text', (c) => c.notNull())
      .addColumn('newest_minute', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('own_metric_pk', ['series', 'unit'])
      .execute();
    await db.schema
      .createIndex('own_metric_account_id')
      .on('own_metric')
      .columns(['account_id', 'series'])
      .execute();
    let table = db.schema
      .createTable('own_metric_point')
      .addColumn('series', 'text', (c) => c.notNull())
      .addColumn('unit', 'text', (c) => c.notNull())
      .addColumn('minute', 'bigint', (c) => c.notNull())
      .addColumn('account_id', 'text', (c) => c.notNull());
    for (const column of ['samples', 'sum', 'minimum', 'maximum']) {
      table = table.addColumn(column, 'double precision', (c) => c.notNull());
    }
    await table
      .addPrimaryKeyConstraint('own_metric_point_pk', ['series', 'unit', 'minute'])
      .execute();
    await db.schema
      .createIndex('own_metric_point_minute')
      .on('own_metric_point')
      .columns(['account_id', 'minute'])
      .execute();
  },
};
