// Owns the ids of images that were deregistered not long ago.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const goneImages: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('gone_image')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('gone_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema.createIndex('gone_image_gone_at').on('gone_image').column('gone_at').execute();
  },
};
