// Owns the columns that say what a volume still lacks of its snapshot; those of before were filled before they were ready.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addFilling(db: Kysely<any>): Promise<void> {
  await db.schema
    .alterTable('volume')
    .addColumn('is_filled', 'integer', (c) => c.notNull().defaultTo(1))
    .execute();
  await db.schema.alterTable('volume').addColumn('source_name', 'text').execute();
}
