// Owns which images may not be deregistered and until when after that has ended, and which accounts keep images and snapshots
// from everybody.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const imageProtection: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('image')
      .addColumn('deregistration_protection', 'text', (c) => c.notNull().defaultTo('disabled'))
      .execute();
    await db.schema.alterTable('image').addColumn('protected_until', 'bigint').execute();
    for (const column of ['image_sharing', 'snapshot_sharing']) {
      await db.schema
        .alterTable('ebs_setting')
        .addColumn(column, 'text', (c) => c.notNull().defaultTo('unblocked'))
        .execute();
    }
  },
};
