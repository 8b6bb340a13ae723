// Owns what administrators allow accounts to have, and how many virtual processors run for each: counted as they change,
// because counting them at every launch would take as long as the account is large. Filled at every start.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const quotas: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('quota')
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('code', 'text', (c) => c.notNull())
      .addColumn('value', 'double precision', (c) => c.notNull())
      .addPrimaryKeyConstraint('quota_pk', ['account_id', 'code'])
      .execute();
    await db.schema
      .createTable('account_use')
      .addColumn('account_id', 'text', (c) => c.primaryKey())
      .addColumn('running_vcpus', 'integer', (c) => c.notNull())
      .execute();
  },
};
