// Owns the rows of accounts' keys, each in the envelope that the keyring opens.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Kysely } from 'kysely';
import type { StorageSchema } from './schema.ts';

type Queries = Kysely<StorageSchema>;

export async function findAccountKey(
  db: Queries,
  accountId: AccountId,
): Promise<string | undefined> {
  const query = db.selectFrom('account_key').select('envelope').where('account_id', '=', accountId);
  return (await query.executeTakeFirst())?.envelope;
}

export async function findAnyAccountKey(db: Queries): Promise<string | undefined> {
  const query = db.selectFrom('account_key').select('envelope').limit(1);
  return (await query.executeTakeFirst())?.envelope;
}

export async function insertAccountKey(
  db: Queries,
  accountId: AccountId,
  envelope: string,
): Promise<void> {
  await db.insertInto('account_key').values({ account_id: accountId, envelope }).execute();
}
