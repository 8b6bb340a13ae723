// Owns what a restore asks of Walrus' state before anything runs on it.

import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { findAnyAccountKey } from './store/account-keys.ts';
import { objectsMigrations } from './store/migrations/migrations.ts';
import type { ObjectsSchema } from './store/schema.ts';

/** True when something in it can be read with the keyring alone. */
export async function hasRestoredEncryption(path: string): Promise<boolean> {
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  return (await findAnyAccountKey(db.query)) !== undefined;
}
