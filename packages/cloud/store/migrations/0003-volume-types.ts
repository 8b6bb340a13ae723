// Owns what people order of a volume besides its size, changes of it, and since when it is away.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { Kysely } from 'kysely';

export const volumeTypes: Migration = {
  up: async (db) => {
    for (const column of ['iops', 'throughput_mibps', 'offered_size_gib']) {
      await db.schema.alterTable('volume').addColumn(column, 'integer').execute();
    }
    await db.schema.alterTable('volume').addColumn('away_since', 'bigint').execute();
    await db.schema
      .createTable('volume_modification')
      .addColumn('volume_id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('generation', 'integer', (c) => c.notNull())
      .addColumn('original', 'text', (c) => c.notNull())
      .addColumn('target', 'text', (c) => c.notNull())
      .addColumn('state', 'text', (c) => c.notNull())
      .addColumn('reason', 'text')
      .addColumn('instance_id', 'text')
      .addColumn('instance_generation', 'integer')
      .addColumn('started_at', 'bigint', (c) => c.notNull())
      .addColumn('ended_at', 'bigint')
      .execute();
    // So that the storage is told of the limits of volumes that it has.
    const sql = db as unknown as Kysely<{ volume: { generation: number; desired: string } }>;
    await sql
      .updateTable('volume')
      .set((e) => ({ generation: e('generation', '+', 1) }))
      .where('desired', '=', 'present')
      .execute();
  },
};
