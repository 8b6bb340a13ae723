// Owns how far an interface's attachment is, and since when it is there.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const interfaceAttachments: Migration = {
  up: async (db) => {
    const table = 'network_interface';
    await db.schema.alterTable(table).addColumn('attached_at', 'bigint').execute();
    await db.schema
      .alterTable(table)
      .addColumn('attach_state', 'text', (c) => c.notNull().defaultTo('attached'))
      .execute();
    await db.schema
      .alterTable(table)
      .addColumn('attach_generation', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
