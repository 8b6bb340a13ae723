// Owns the queries on accounts and their access keys.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';
import type { AccessKeyTable, AccountTable } from './schema.ts';
import type { Queries } from './store.ts';

export type AccessKeyRow = Selectable<AccessKeyTable>;

/** The cloud's first account, which owns what the cloud itself brings. */
export function findFirstAccount(db: Queries): Promise<AccountTable | undefined> {
  return db.selectFrom('account').selectAll().orderBy('createdAt').executeTakeFirst();
}

export async function insertAccount(db: Queries, account: AccountTable): Promise<void> {
  await db.insertInto('account').values(account).execute();
}

export function findActiveKey(db: Queries, id: string): Promise<AccessKeyRow | undefined> {
  return db
    .selectFrom('accessKey')
    .selectAll()
    .where('id', '=', id)
    .where('status', '=', 'active')
    .executeTakeFirst();
}

export function getRootKey(db: Queries, accountId: AccountId): Promise<AccessKeyRow> {
  return db
    .selectFrom('accessKey')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('isRoot', '=', 1)
    .where('status', '=', 'active')
    .orderBy('createdAt')
    .executeTakeFirstOrThrow();
}

export async function insertAccessKey(db: Queries, row: AccessKeyRow): Promise<void> {
  await db.insertInto('accessKey').values(row).execute();
}
