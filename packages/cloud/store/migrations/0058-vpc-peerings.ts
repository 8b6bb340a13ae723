// Owns the table of peerings between VPCs.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const vpcPeerings: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('vpc_peering')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('vpc_id', 'text', (c) => c.notNull())
      .addColumn('accepter_account_id', 'text', (c) => c.notNull())
      .addColumn('accepter_vpc_id', 'text', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addColumn('ended_at', 'bigint')
      .addColumn('ended_by', 'text')
      .execute();
    for (const column of ['account_id', 'vpc_id', 'accepter_account_id', 'accepter_vpc_id']) {
      await db.schema
        .createIndex(`vpc_peering_by_${column}`)
        .on('vpc_peering')
        .column(column)
        .execute();
    }
  },
};
