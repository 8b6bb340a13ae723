// Owns what a VPC is sent to nodes with: a generation, and the number of its network between them.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const vpcIntent: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('vpc')
      .addColumn('generation', 'bigint', (c) => c.notNull().defaultTo(1))
      .execute();
    await db.schema
      .alterTable('vpc')
      .addColumn('network_number', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    const rows = await db.selectFrom('vpc').select('id').orderBy('id').execute();
    for (const [at, { id }] of rows.entries()) {
      await db
        .updateTable('vpc')
        .set({ network_number: at + 1 })
        .where('id', '=', id)
        .execute();
    }
    await db.schema
      .alterTable('node')
      .addColumn('keeps_vpcs', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
    await db.schema
      .createIndex('network_interface_by_vpc_id')
      .on('network_interface')
      .column('vpc_id')
      .execute();
  },
};
