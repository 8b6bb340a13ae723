// Owns the limits of volumes, and whether what serves one is away.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addLimits(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('volume').addColumn('limits', 'text').execute();
  await db.schema
    .alterTable('volume')
    .addColumn('away', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
