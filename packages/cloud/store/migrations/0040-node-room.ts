// Owns the free memory of each node beside what is taken of it, in an order: a launch asks for the roomiest nodes only.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const nodeRoom: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('node_use')
      .addColumn('free_memory_mib', 'bigint', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema.createIndex('node_use_is_stale').on('node_use').column('is_stale').execute();
    await db.schema
      .createIndex('node_use_free_memory_mib_node_id')
      .on('node_use')
      .columns(['free_memory_mib desc', 'node_id'])
      .execute();
  },
};
