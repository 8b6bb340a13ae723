// Owns placement groups, and which instance is in which.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const placementGroups: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('placement_group')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('strategy', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('placement_group_account_id_name', ['account_id', 'name'])
      .execute();
    await db.schema.alterTable('instance').addColumn('placement_group_id', 'text').execute();
    await db.schema.alterTable('instance').addColumn('placement_strategy', 'text').execute();
    await db.schema
      .createIndex('instance_placement_group_id')
      .on('instance')
      .column('placement_group_id')
      .execute();
  },
};
