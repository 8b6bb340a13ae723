// Owns the column that says in which backend a volume's bytes are; those of before are files.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addVolumeBackend(db: Kysely<any>): Promise<void> {
  await db.schema
    .alterTable('volume')
    .addColumn('backend', 'text', (c) => c.notNull().defaultTo('file'))
    .execute();
}
