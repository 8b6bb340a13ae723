// Owns the change of schema that keeps keys in their envelopes, beside what they encrypt.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const addEncryption: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('account_key')
      .addColumn('account_id', 'text', (column) => column.primaryKey())
      .addColumn('envelope', 'text', (column) => column.notNull())
      .execute();
    await db.schema.alterTable('object_version').addColumn('encryption', 'text').execute();
    await db.schema.alterTable('segment').addColumn('nonce', 'text').execute();
    await db.schema.alterTable('part').addColumn('nonce', 'text').execute();
    // Of a part of an object, so that GetObjectAttributes can tell it.
    await db.schema.alterTable('segment').addColumn('checksum_value', 'text').execute();
  },
};
