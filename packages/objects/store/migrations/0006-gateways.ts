// Owns the change of schema that lets several gateways share a state: who they are, and whose each unfinished blob is.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const addGateways: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('gateway')
      .addColumn('id', 'text', (column) => column.primaryKey())
      .addColumn('beat', 'bigint', (column) => column.notNull())
      .addColumn('oldest_read', 'bigint', (column) => column.notNull())
      .execute();
    await db.schema
      .createTable('store_name')
      .addColumn('name', 'text', (column) => column.notNull())
      .execute();
    await db.schema.alterTable('blob').addColumn('gateway_id', 'text').execute();
  },
};
