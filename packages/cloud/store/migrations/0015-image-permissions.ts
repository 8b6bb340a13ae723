// Owns who may launch whose images, and from when an image is deprecated.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const imagePermissions: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('image_permission')
      .addColumn('image_id', 'text', (c) => c.notNull())
      .addColumn('grantee', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('image_permission_pk', ['image_id', 'grantee'])
      .execute();
    await db.schema
      .createIndex('image_permission_grantee')
      .on('image_permission')
      .column('grantee')
      .execute();
    await db.schema.alterTable('image').addColumn('deprecated_at', 'bigint').execute();
    await db.schema.alterTable('image').addColumn('source_image_id', 'text').execute();
  },
};
