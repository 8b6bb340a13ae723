// Owns the test of moving tags to a table that knows them by account too.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { Kysely } from 'kysely';
import { cloudTables } from './0001-cloud.ts';
import { tagsByAccount } from './0070-tags-by-account.ts';

interface Tables {
  tag: Record<string, unknown>;
}

test('tags of before stay as they were, and another account can have the same key', async () => {
  const before = { '1': cloudTables };
  await using database = await openSqlite<Tables>({ path: ':memory:', migrations: before });
  const { query } = database;
  const row = {
    resource_id: 'ami-1',
    account_id: '1',
    resource_type: 'image',
    key: 'k',
    value: 'a',
  };
  await query.insertInto('tag').values(row).execute();
  await tagsByAccount.up(query as Kysely<unknown> as Parameters<typeof tagsByAccount.up>[0]);
  assert.deepEqual({ ...(await query.selectFrom('tag').selectAll().executeTakeFirst()) }, row);
  const insert = (account_id: string) =>
    query
      .insertInto('tag')
      .values({ ...row, account_id })
      .execute();
  await insert('2');
  await assert.rejects(insert('1'), /UNIQUE/);
});
