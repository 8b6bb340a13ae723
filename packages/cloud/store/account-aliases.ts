// Owns the queries on the names by which accounts are known besides their number: one in the whole cloud each.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Queries } from './store.ts';

export async function findAlias(db: Queries, accountId: AccountId): Promise<string | undefined> {
  const row = await db
    .selectFrom('accountAlias')
    .select('alias')
    .where('accountId', '=', accountId)
    .executeTakeFirst();
  return row?.alias;
}

export async function findAliasOwner(db: Queries, alias: string): Promise<AccountId | undefined> {
  const row = await db
    .selectFrom('accountAlias')
    .select('accountId')
    .where('alias', '=', alias)
    .executeTakeFirst();
  return row?.accountId;
}

/** In the place of the one before. */
export async function setAlias(db: Queries, accountId: AccountId, alias: string): Promise<void> {
  await deleteAlias(db, accountId);
  await db.insertInto('accountAlias').values({ accountId, alias }).execute();
}

export async function deleteAlias(db: Queries, accountId: AccountId): Promise<void> {
  await db.deleteFrom('accountAlias').where('accountId', '=', accountId).execute();
}
