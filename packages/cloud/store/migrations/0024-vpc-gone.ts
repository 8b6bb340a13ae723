// Owns the VPCs that are deleted here and that the zone has not been told to forget yet.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const vpcGone: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('vpc_gone')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .execute();
  },
};
