// Owns what keeps calls fast in a large fleet: indexes by account, and what is taken of each node.

import type { Migration } from '@ironbark/platform/database/database.ts';

const INDEXES: readonly [table: string, columns: string[]][] = [
  ['instance', ['account_id', 'created_at', 'reservation_id', 'id']],
  ['network_interface', ['account_id']],
  ['attachment', ['account_id']],
  ['interface_group', ['group_id']],
  ['volume', ['account_id']],
  ['snapshot', ['account_id']],
  ['tag', ['account_id', 'resource_type', 'key', 'value']],
];

export const fleet: Migration = {
  up: async (db) => {
    for (const [table, columns] of INDEXES) {
      await db.schema
        .createIndex(`${table}_by_${columns.join('_')}`)
        .on(table)
        .columns(columns)
        .execute();
    }
    await db.schema
      .createTable('node_use')
      .addColumn('node_id', 'text', (c) => c.primaryKey())
      .addColumn('is_stale', 'integer', (c) => c.notNull())
      .addColumn('vcpus', 'integer', (c) => c.notNull())
      .addColumn('memory_mib', 'bigint', (c) => c.notNull())
      .addColumn('disk_bytes', 'bigint', (c) => c.notNull())
      .addColumn('accounts', 'text', (c) => c.notNull())
      .addColumn('groups', 'text', (c) => c.notNull())
      .execute();
  },
};
