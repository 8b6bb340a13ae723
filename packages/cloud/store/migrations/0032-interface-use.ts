// Owns how many network interfaces each account has: counted as they change, as its virtual processors are. Filled at
// every start.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const interfaceUse: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('account_use')
      .addColumn('interfaces', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
