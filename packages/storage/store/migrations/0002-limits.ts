// Owns the limits of volumes.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addLimits(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('volume').addColumn('limits', 'text').execute();
}
