// Owns what is known of a node on another host than the volumes: that it can come to them.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const gates: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('node')
      .addColumn('opens_gates', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
