// Owns encrypted volumes and snapshots, and the keys of accounts in their envelopes.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
export async function addEncryption(db: Kysely<any>): Promise<void> {
  await db.schema
    .createTable('account_key')
    .addColumn('account_id', 'text', (c) => c.primaryKey())
    .addColumn('envelope', 'text', (c) => c.notNull())
    .execute();
  await db.schema.alterTable('volume').addColumn('encrypted_for', 'text').execute();
  await db.schema.alterTable('volume').addColumn('key_envelope', 'text').execute();
  await db.schema.alterTable('volume').addColumn('sealed_bytes', 'bigint').execute();
  await db.schema
    .alterTable('snapshot')
    .addColumn('encrypted', 'integer', (c) => c.notNull().defaultTo(0))
    .execute();
  await db.schema.alterTable('snapshot').addColumn('copy_of', 'text').execute();
}
