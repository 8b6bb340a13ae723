// Owns volumes that several instances have at once: an attachment is known by its volume and its instance.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { Kysely } from 'kysely';

const KEPT = [
  'volume_id',
  'account_id',
  'instance_id',
  'device_name',
  'delete_on_termination',
  'desired',
  'force',
  'offered_export',
  'withdrawn_generation',
  'observed',
  'created_at',
  'attach_mode',
] as const;

export const multiAttach: Migration = {
  up: async (db) => {
    const flag = (table: string, column: string) =>
      db.schema
        .alterTable(table)
        .addColumn(column, 'integer', (c) => c.notNull().defaultTo(0))
        .execute();
    await flag('volume', 'multi_attach_enabled');
    await db.schema.alterTable('volume_modification').addColumn('instances', 'text').execute();
    await rebuildAttachments(db as Kysely<Tables>);
    await flag('attachment', 'shared');
    for (const column of ['export_to', 'observed_export']) {
      await db.schema.alterTable('attachment').addColumn(column, 'text').execute();
    }
  },
};

type Row = Record<(typeof KEPT)[number], string>;
interface Tables {
  attachment: Row;
  attachment_by_pair: Row;
}

/** A primary key cannot be changed in every dialect, so the rows move. */
async function rebuildAttachments(db: Kysely<Tables>): Promise<void> {
  await db.schema
    .createTable('attachment_by_pair')
    .addColumn('volume_id', 'text', (c) => c.notNull())
    .addColumn('account_id', 'text', (c) => c.notNull())
    .addColumn('instance_id', 'text', (c) => c.notNull())
    .addColumn('device_name', 'text', (c) => c.notNull())
    .addColumn('delete_on_termination', 'integer', (c) => c.notNull())
    .addColumn('desired', 'text', (c) => c.notNull())
    .addColumn('force', 'integer', (c) => c.notNull())
    .addColumn('offered_export', 'text')
    .addColumn('withdrawn_generation', 'integer')
    .addColumn('observed', 'text', (c) => c.notNull())
    .addColumn('created_at', 'bigint', (c) => c.notNull())
    .addColumn('attach_mode', 'text')
    .addPrimaryKeyConstraint('attachment_by_pair_pk', ['volume_id', 'instance_id'])
    .addUniqueConstraint('attachment_by_pair_instance_id_device_name', [
      'instance_id',
      'device_name',
    ])
    .execute();
  await db
    .insertInto('attachment_by_pair')
    .columns([...KEPT])
    .expression(db.selectFrom('attachment').select([...KEPT]))
    .execute();
  await db.schema.dropTable('attachment').execute();
  await db.schema.alterTable('attachment_by_pair').renameTo('attachment').execute();
}
