// Owns the queries on accounts, their users and access keys.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';
import type { AccessKeyTable, AccountTable, UserTable } from './account-schema.ts';
import type { Queries } from './store.ts';

export type AccessKeyRow = Selectable<AccessKeyTable>;

/** The cloud's first account, which owns what the cloud itself brings. */
export function findFirstAccount(db: Queries): Promise<AccountTable | undefined> {
  return db.selectFrom('account').selectAll().orderBy('createdAt').orderBy('id').executeTakeFirst();
}

/** In the order in which they were made. */
export function listAccounts(db: Queries): Promise<AccountTable[]> {
  return db.selectFrom('account').selectAll().orderBy('createdAt').orderBy('id').execute();
}

export async function insertAccount(db: Queries, account: AccountTable): Promise<void> {
  await db.insertInto('account').values(account).execute();
}

export function listUsers(db: Queries): Promise<UserTable[]> {
  return db.selectFrom('user').selectAll().orderBy('accountId').orderBy('name').execute();
}

export function findUser(
  db: Queries,
  accountId: AccountId,
  name: string,
): Promise<UserTable | undefined> {
  return db
    .selectFrom('user')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export async function insertUser(db: Queries, user: UserTable): Promise<void> {
  await db.insertInto('user').values(user).execute();
}

/** With all that it has. */
export async function deleteUser(db: Queries, { id, accountId }: UserTable): Promise<void> {
  await db.deleteFrom('user').where('id', '=', id).execute();
  const keys = db.deleteFrom('accessKey').where('accountId', '=', accountId);
  await keys.where('userId', '=', id).execute();
  await db.deleteFrom('groupMember').where('userId', '=', id).execute();
  await db.deleteFrom('policyAttachment').where('holderId', '=', id).execute();
  await db.deleteFrom('inlinePolicy').where('holderId', '=', id).execute();
  await db.deleteFrom('iamTag').where('resourceId', '=', id).execute();
  await db.deleteFrom('session').where('holderId', '=', id).execute();
}

/** The user has another ARN. */
export async function moveKeys(db: Queries, userId: string, arn: string): Promise<void> {
  await db.updateTable('accessKey').set({ arn }).where('userId', '=', userId).execute();
}

export function findActiveKey(db: Queries, id: string): Promise<AccessKeyRow | undefined> {
  return db
    .selectFrom('accessKey')
    .selectAll()
    .where('id', '=', id)
    .where('status', '=', 'active')
    .executeTakeFirst();
}

export function findKey(db: Queries, id: string): Promise<AccessKeyRow | undefined> {
  return db.selectFrom('accessKey').selectAll().where('id', '=', id).executeTakeFirst();
}

export function listKeys(db: Queries): Promise<AccessKeyRow[]> {
  return db.selectFrom('accessKey').selectAll().orderBy('createdAt').orderBy('id').execute();
}

/** The oldest active one. */
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

export async function setKeyStatus(
  db: Queries,
  id: string,
  status: AccessKeyRow['status'],
): Promise<void> {
  await db.updateTable('accessKey').set({ status }).where('id', '=', id).execute();
}

export async function deleteKey(db: Queries, id: string): Promise<void> {
  await db.deleteFrom('accessKey').where('id', '=', id).execute();
  await db.deleteFrom('keyUse').where('keyId', '=', id).execute();
}

export function listKeysOf(db: Queries, userId: string): Promise<AccessKeyRow[]> {
  return db
    .selectFrom('accessKey')
    .selectAll()
    .where('userId', '=', userId)
    .orderBy('createdAt')
    .orderBy('id')
    .execute();
}
