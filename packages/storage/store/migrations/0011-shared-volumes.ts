// Owns the openings of volumes that several instances may have at once: who is to have one, and who has.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addSharedVolumes(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('volume').addColumn('open_to', 'text').execute();
  await db.schema.alterTable('volume').addColumn('opened_to', 'text').execute();
}
