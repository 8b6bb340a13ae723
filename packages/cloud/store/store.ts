// Owns the opening of the Cloud Controller's database: names are snake_case in SQL and camelCase in code.

import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Database, Migrations, OpenDatabase } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { syncDirectory } from '@ironbark/platform/files.ts';
import { CamelCasePlugin, type Kysely } from 'kysely';
import { cloudTables } from './migrations/0001-cloud.ts';
import { accountNames } from './migrations/0002-account-names.ts';
import { volumeTypes } from './migrations/0003-volume-types.ts';
import { sharedSnapshots } from './migrations/0006-shared-snapshots.ts';
import { encryption } from './migrations/0007-encryption.ts';
import { ebsImages } from './migrations/0008-ebs-images.ts';
import { attachModes } from './migrations/0009-attach-modes.ts';
import { writtenSnapshots } from './migrations/0010-written-snapshots.ts';
import { volumeMetrics } from './migrations/0011-volume-metrics.ts';
import { multiAttach } from './migrations/0012-multi-attach.ts';
import type { Schema } from './schema.ts';

/** What the store's functions run on: the database, or one transaction of it. */
export type Queries = Kysely<Schema>;
export type Store = Database<Schema>;

const MIGRATIONS: Migrations = {
  '0001-cloud': cloudTables,
  '0002-account-names': accountNames,
  '0003-volume-types': volumeTypes,
  '0006-shared-snapshots': sharedSnapshots,
  '0007-encryption': encryption,
  '0008-ebs-images': ebsImages,
  '0009-attach-modes': attachModes,
  '0010-written-snapshots': writtenSnapshots,
  '0011-volume-metrics': volumeMetrics,
  '0012-multi-attach': multiAttach,
};

/** `path` is a file, or `:memory:`. */
export async function openStore(
  path: string,
  openDatabase: OpenDatabase = openSqlite,
): Promise<Store> {
  if (path !== ':memory:') await ensurePrivateFile(path);
  const database = await openDatabase<Schema>({
    path,
    migrations: MIGRATIONS,
  });
  const names = new CamelCasePlugin();
  return {
    query: database.query.withPlugin(names),
    transaction: (work) => database.transaction((tx) => work(tx.withPlugin(names))),
    get failure() {
      return database.failure;
    },
    findDamage: () => database.findDamage(),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}

/** Secret keys are in it. SQLite gives the files that it makes beside it the same mode. */
async function ensurePrivateFile(path: string): Promise<void> {
  const handle = await open(path, 'a', 0o600);
  try {
    await handle.chmod(0o600);
  } finally {
    await handle.close();
  }
  await syncDirectory(dirname(path));
}
