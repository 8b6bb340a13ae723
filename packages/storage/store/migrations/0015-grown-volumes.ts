// Owns what is known of encrypted volumes that have become longer: what of them is written.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addGrownVolumes(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('volume').addColumn('written_bytes', 'bigint').execute();
}
