// Owns that each account has tags of its own on what is shared with it: a tag is known by its resource, account and key.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { Kysely } from 'kysely';

const COLUMNS = ['resource_id', 'account_id', 'resource_type', 'key', 'value'] as const;
type Row = Record<(typeof COLUMNS)[number], string>;
interface Tables {
  tag: Row;
  tag_by_account: Row;
}

/** A primary key cannot be changed in every dialect, so the rows move. */
export const tagsByAccount: Migration = {
  up: async (untyped) => {
    const db = untyped as Kysely<Tables>;
    await db.schema
      .createTable('tag_by_account')
      .addColumn('resource_id', 'text', (c) => c.notNull())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('resource_type', 'text', (c) => c.notNull())
      .addColumn('key', 'text', (c) => c.notNull())
      .addColumn('value', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('tag_by_account_pk', ['resource_id', 'account_id', 'key'])
      .execute();
    await db
      .insertInto('tag_by_account')
      .columns([...COLUMNS])
      .expression(db.selectFrom('tag').select([...COLUMNS]))
      .execute();
    await db.schema.dropTable('tag').execute();
    await db.schema.alterTable('tag_by_account').renameTo('tag').execute();
    for (const columns of [['account_id'], ['account_id', 'resource_type', 'key', 'value']]) {
      const index = db.schema.createIndex(`tag_of_${columns.join('_')}`).on('tag');
      await index.columns(columns).execute();
    }
  },
};
