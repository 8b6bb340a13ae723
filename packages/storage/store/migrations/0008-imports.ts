// Owns snapshots that are made of an object instead of a volume.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addImports(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('snapshot').addColumn('source', 'text').execute();
}
