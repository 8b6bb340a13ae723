// Owns what is known of points in time that the storage itself keeps, and of volumes that are clones of one.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addStoragePoints(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('snapshot').addColumn('point', 'integer').execute();
  await db.schema
    .alterTable('volume')
    .addColumn('is_clone', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
}
