// Owns what instances' network cards did, minute by minute.

import type { Migration } from '@ironbark/platform/database/database.ts';

const COUNTS = ['in_bytes', 'out_bytes', 'in_packets', 'out_packets'];
const RATES = ['seconds', 'path_in_rate', 'path_out_rate'];

export const networkMetrics: Migration = {
  up: async (db) => {
    let table = db.schema
      .createTable('network_metric')
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('instance_id', 'text', (c) => c.notNull())
      .addColumn('minute', 'bigint', (c) => c.notNull());
    for (const column of COUNTS) table = table.addColumn(column, 'bigint', (c) => c.notNull());
    for (const column of RATES) table = table.addColumn(column, 'double precision');
    await table
      .addPrimaryKeyConstraint('network_metric_pk', ['account_id', 'instance_id', 'minute'])
      .execute();
    await db.schema
      .createIndex('network_metric_minute')
      .on('network_metric')
      .column('minute')
      .execute();
  },
};
