// Owns names of accounts, and the users inside them.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const accountNames: Migration = {
  up: async (db) => {
    // Until now there was one account at most.
    await db.schema
      .alterTable('account')
      .addColumn('name', 'text', (c) => c.notNull().defaultTo('main'))
      .execute();
    await db.schema.createIndex('account_name').on('account').column('name').unique().execute();
    await db.schema
      .createTable('user')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('arn', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('user_account_id_name', ['account_id', 'name'])
      .execute();
    await db.schema
      .createIndex('access_key_account_id')
      .on('access_key')
      .column('account_id')
      .execute();
  },
};
