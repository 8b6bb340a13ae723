// Owns whether an interface is taken from its instance by force.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const forcedDetachments: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('network_interface')
      .addColumn('detach_forced', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
