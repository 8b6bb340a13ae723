// Owns the table of nodes that were removed as lost: by their certificates they are known again when they come back.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const lostNodes: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('lost_node')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('fingerprint', 'text', (c) => c.notNull().unique())
      .addColumn('removed_at', 'bigint', (c) => c.notNull())
      .execute();
  },
};
