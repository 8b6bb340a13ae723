// Owns launch templates and their versions.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const launchTemplates: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('launch_template')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('default_version', 'integer', (c) => c.notNull())
      .addColumn('latest_version', 'integer', (c) => c.notNull())
      .addUniqueConstraint('launch_template_account_id_name', ['account_id', 'name'])
      .execute();
    await db.schema
      .createTable('launch_template_version')
      .addColumn('template_id', 'text', (c) => c.notNull())
      .addColumn('version', 'integer', (c) => c.notNull())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('description', 'text')
      .addColumn('data', 'text', (c) => c.notNull())
      .addColumn('created_by', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('launch_template_version_pk', ['template_id', 'version'])
      .execute();
  },
};
