// Owns the number of the network that was given last, so that none is given again at once.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const networkNumbers: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('last_network_number')
      .addColumn('number', 'integer', (c) => c.notNull())
      .execute();
    const rows = await db.selectFrom('vpc').select('network_number').execute();
    const number = rows.reduce((most, row) => Math.max(most, Number(row.network_number)), 0);
    await db.insertInto('last_network_number').values({ number }).execute();
    await db.schema
      .createIndex('vpc_by_network_number')
      .on('vpc')
      .column('network_number')
      .execute();
  },
};
