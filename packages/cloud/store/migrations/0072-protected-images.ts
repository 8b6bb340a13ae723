// Owns which images may not be deregistered, and until when after that has ended.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const protectedImages: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('image')
      .addColumn('deregistration_protection', 'text', (c) => c.notNull().defaultTo('disabled'))
      .execute();
    await db.schema.alterTable('image').addColumn('protected_until', 'bigint').execute();
  },
};
