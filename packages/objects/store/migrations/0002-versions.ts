// Owns the change of schema that keeps several versions of a key, delete markers among them.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const addVersions: Migration = {
  up: async (db) => {
    await db.schema.alterTable('bucket').addColumn('versioning', 'text').execute();
    const version = () => db.schema.alterTable('object_version');
    const flag = (name: string, value: number) =>
      version().addColumn(name, 'integer', (column) => column.notNull().defaultTo(value));
    await version()
      .addColumn('sequence', 'bigint', (column) => column.notNull().defaultTo(0))
      .execute();
    // What was there before is the version called null.
    await flag('is_null', 1).execute();
    await flag('is_delete_marker', 0).execute();
    await db.schema
      .createIndex('version_key')
      .on('object_version')
      .columns(['bucket_id', 'object_key', 'sequence'])
      .execute();
  },
};
