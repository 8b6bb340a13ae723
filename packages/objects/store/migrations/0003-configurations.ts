// Owns the change of schema that keeps what is set on a bucket, and what is said of a version besides its bytes.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const addConfigurations: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('bucket_configuration')
      .addColumn('bucket_id', 'text', (column) => column.notNull().references('bucket.id'))
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('document', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('bucket_configuration_pk', ['bucket_id', 'name'])
      .execute();
    const version = () => db.schema.alterTable('object_version');
    await version().addColumn('owner_id', 'text').execute();
    await version().addColumn('acl', 'text').execute();
    await version().addColumn('tags', 'text').execute();
    await version().addColumn('retention_mode', 'text').execute();
    await version().addColumn('retain_until', 'bigint').execute();
    await version()
      .addColumn('legal_hold', 'integer', (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema.alterTable('upload').addColumn('intent', 'text').execute();
  },
};
