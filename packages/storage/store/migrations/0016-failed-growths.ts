// Owns what is known of volumes that could not become longer: which wish of the cloud failed, and why.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addFailedGrowths(db: Kysely<any>): Promise<void> {
  await db.schema.alterTable('volume').addColumn('failed_growth', 'integer').execute();
  await db.schema.alterTable('volume').addColumn('growth_problem', 'text').execute();
}
