// Owns which volumes and snapshots are encrypted, and what accounts have set about it.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const encryption: Migration = {
  up: async (db) => {
    for (const table of ['volume', 'snapshot']) {
      await db.schema
        .alterTable(table)
        .addColumn('encrypted', 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
    }
    await db.schema.alterTable('snapshot').addColumn('copy_source_id', 'text').execute();
    await db.schema
      .createTable('ebs_setting')
      .addColumn('account_id', 'text', (c) => c.primaryKey())
      .addColumn('encrypt_by_default', 'integer', (c) => c.notNull())
      .addColumn('kms_key', 'text')
      .execute();
  },
};
