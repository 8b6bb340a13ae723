// Owns images whose root disks are volumes, and snapshots that are made of objects.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const ebsImages: Migration = {
  up: async (db) => {
    for (const table of ['image', 'instance']) {
      await db.schema
        .alterTable(table)
        .addColumn('root_device_type', 'text', (c) => c.notNull().defaultTo('instance-store'))
        .execute();
    }
    const defaults = { devices: '[]', stage: 'made' } as const;
    for (const [column, value] of Object.entries(defaults)) {
      await db.schema
        .alterTable('image')
        .addColumn(column, 'text', (c) => c.notNull().defaultTo(value))
        .execute();
    }
    for (const column of ['source_instance_id', 'snapshot_tags', 'failure']) {
      await db.schema.alterTable('image').addColumn(column, 'text').execute();
    }
    await addFlag(db, 'image', 'restarts_instance');
    await db.schema.alterTable('snapshot').addColumn('source', 'text').execute();
    await addFlag(db, 'snapshot', 'observed_held');
  },
};

async function addFlag(
  db: Parameters<Migration['up']>[0],
  table: string,
  column: string,
): Promise<void> {
  await db.schema
    .alterTable(table)
    .addColumn(column, 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
