// Owns the queries on key pairs: only their public halves are ever here.

import type { AccountId, KeyPairId } from '@ironbark/core/ids.ts';
import type { KeyPairRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listKeyPairs(db: Queries, accountId: AccountId): Promise<KeyPairRow[]> {
  return db.selectFrom('keyPair').selectAll().where('accountId', '=', accountId).execute();
}

export function findKeyPairNamed(
  db: Queries,
  accountId: AccountId,
  name: string,
): Promise<KeyPairRow | undefined> {
  return db
    .selectFrom('keyPair')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function insertKeyPair(db: Queries, row: KeyPairRow): Promise<void> {
  await db.insertInto('keyPair').values(row).execute();
}

export async function deleteKeyPair(db: Queries, id: KeyPairId): Promise<void> {
  await db.deleteFrom('keyPair').where('id', '=', id).execute();
}
