// Owns snapshots of several volumes that share one point in time.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addSnapshotSets(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('snapshot').addColumn('together', 'text').execute();
}
