// Owns IAM: groups, roles, policies and instance profiles, and what users and keys have of that.

import type { Migration } from '@ironbark/platform/database/database.ts';
import type { CreateTableBuilder, Kysely } from 'kysely';

const TABLES: Readonly<Record<string, string>> = {
  iam_group: 'id text!, account_id text!, name text!, path text!, created_at bigint!',
  group_member: 'group_id text!, user_id text!, account_id text!',
  role: 'id text!, account_id text!, name text!, path text!, created_at bigint!, description text, trust_policy text!, max_session_seconds integer!, boundary_arn text, last_used_at bigint',
  managed_policy:
    'id text!, account_id text!, name text!, path text!, created_at bigint!, arn text!, description text, default_version integer!, last_version integer!, updated_at bigint!',
  policy_version: 'policy_id text!, version integer!, document text!, created_at bigint!',
  policy_attachment:
    'account_id text!, policy_arn text!, holder_id text!, holder_kind text!, attached_at bigint!',
  inline_policy: 'holder_id text!, name text!, account_id text!, document text!',
  instance_profile:
    'id text!, account_id text!, name text!, path text!, created_at bigint!, role_id text',
  account_alias: 'account_id text!, alias text!',
  key_use: 'key_id text!, at_ms bigint!, service text!, region text!',
  iam_tag: 'resource_id text!, key text!, account_id text!, value text!',
};

const KEYS: Readonly<Record<string, string[]>> = {
  group_member: ['group_id', 'user_id'],
  policy_version: ['policy_id', 'version'],
  policy_attachment: ['holder_id', 'policy_arn'],
  inline_policy: ['holder_id', 'name'],
  account_alias: ['account_id'],
  key_use: ['key_id'],
  iam_tag: ['resource_id', 'key'],
};
const UNIQUE: Readonly<Record<string, string[]>> = {
  iam_group: ['account_id', 'name'],
  role: ['account_id', 'name'],
  managed_policy: ['account_id', 'name'],
  instance_profile: ['account_id', 'name'],
  account_alias: ['alias'],
};

export const iam: Migration = {
  up: async (db) => {
    for (const [name, columns] of Object.entries(TABLES)) await createTable(db, name, columns);
    await addColumns(db);
    for (const [table, column] of [
      ['group_member', 'user_id'],
      ['policy_attachment', 'policy_arn'],
      ['access_key', 'user_id'],
    ] as const) {
      await db.schema.createIndex(`${table}_${column}`).on(table).column(column).execute();
    }
  },
};

async function createTable(db: Kysely<unknown>, name: string, columns: string): Promise<void> {
  let builder: CreateTableBuilder<string, string> = db.schema.createTable(name);
  for (const column of columns.split(', ')) {
    const [called = '', type = ''] = column.split(' ');
    const dataType = type.replace('!', '') as 'text' | 'integer' | 'bigint';
    builder = builder.addColumn(called, dataType, (c) => (type.endsWith('!') ? c.notNull() : c));
  }
  builder = builder.addPrimaryKeyConstraint(`${name}_pk`, KEYS[name] ?? ['id']);
  const unique = UNIQUE[name];
  if (unique !== undefined) builder = builder.addUniqueConstraint(`${name}_unique`, unique);
  await builder.execute();
}

async function addColumns(db: Kysely<unknown>): Promise<void> {
  const user = db.schema.alterTable('user');
  await user.addColumn('path', 'text', (c) => c.notNull().defaultTo('/')).execute();
  await user.addColumn('boundary_arn', 'text').execute();
}
