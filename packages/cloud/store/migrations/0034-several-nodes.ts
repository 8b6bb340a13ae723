// Owns what placement knows of a node besides its room: whether it takes new instances, and whether volumes reach it.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const severalNodes: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('node')
      .addColumn('is_draining', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema
      .alterTable('node')
      .addColumn('reaches_volumes', 'integer', (c) => c.notNull().defaultTo(1))
      .execute();
  },
};
