// Owns whether an instance is to have a point a minute of each of its metrics.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const detailedMonitoring: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('instance')
      .addColumn('detailed_monitoring', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
