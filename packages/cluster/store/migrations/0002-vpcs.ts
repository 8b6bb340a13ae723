// Owns the table of VPCs: what each is to be on the nodes that have a port of it.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const vpcs: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('vpc')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('generation', 'bigint', (c) => c.notNull())
      .addColumn('intent', 'text', (c) => c.notNull())
      .execute();
  },
};
