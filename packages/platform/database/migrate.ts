// Owns bringing a store's tables up to the program's own, the same way for every engine.

import type { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import type { Migrations } from './database.ts';

/** Runs each step that the store has not had, in the order of their names. Throws what the failing step threw. */
export async function migrate<Schema>(
  query: Kysely<Schema>,
  migrations: Migrations,
): Promise<void> {
  const migrator = new Migrator({
    db: query,
    provider: { getMigrations: async () => ({ ...migrations }) },
    // Numbers are given when work begins and land when it is done.
    allowUnorderedMigrations: true,
  });
  const { error } = await migrator.migrateToLatest();
  if (error !== undefined) throw error;
}
