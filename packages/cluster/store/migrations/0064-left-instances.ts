// Owns the table of nodes that instances have left and that may still have something of them, and since when an instance
// is where it is.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const leftInstances: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('left_instance')
      .addColumn('node_id', 'text', (c) => c.notNull())
      .addColumn('id', 'text', (c) => c.notNull())
      .addColumn('generation', 'bigint', (c) => c.notNull())
      .addColumn('intent', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('left_instance_key', ['node_id', 'id'])
      .execute();
    await db.schema
      .alterTable('placed_instance')
      .addColumn('since_generation', 'bigint', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
