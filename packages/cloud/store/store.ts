// Owns the opening of the Cloud Controller's database: names are snake_case in SQL and camelCase in code.

import type { Database } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { CamelCasePlugin, type Kysely } from 'kysely';
import { cloudTables } from './migrations/0001-cloud.ts';
import type { Schema } from './schema.ts';

/** What the store's functions run on: the database, or one transaction of it. */
export type Queries = Kysely<Schema>;
export type Store = Database<Schema>;

export async function openStore(path: string): Promise<Store> {
  const database = await openSqlite<Schema>({
    path,
    migrations: { '0001-cloud': cloudTables },
  });
  const names = new CamelCasePlugin();
  return {
    query: database.query.withPlugin(names),
    transaction: (work) => database.transaction((tx) => work(tx.withPlugin(names))),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
