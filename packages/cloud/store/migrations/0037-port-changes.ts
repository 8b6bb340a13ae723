// Owns which ports of a VPC have changed since the zone was told, so that it is told of those and not of all.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const portChanges: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('vpc_port_change')
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .addColumn('interface_id', 'text', (c) => c.notNull())
      .addColumn('generation', 'bigint', (c) => c.notNull())
      .addPrimaryKeyConstraint('vpc_port_change_key', ['vpc_id', 'interface_id'])
      .execute();
  },
};
