// Owns the SQL of accounts' keys, each in its envelope.

import type { Kysely } from 'kysely';
import type { ObjectsSchema, Tx } from './schema.ts';

type Queries = Kysely<ObjectsSchema>;

export async function findAccountKey(db: Queries, accountId: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('account_key')
    .select('envelope')
    .where('account_id', '=', accountId)
    .executeTakeFirst();
  return row?.envelope;
}

export async function findAnyAccountKey(db: Queries): Promise<string | undefined> {
  const row = await db.selectFrom('account_key').select('envelope').limit(1).executeTakeFirst();
  return row?.envelope;
}

export async function insertAccountKey(tx: Tx, accountId: string, envelope: string): Promise<void> {
  await tx.insertInto('account_key').values({ account_id: accountId, envelope }).execute();
}
