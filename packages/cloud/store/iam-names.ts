// Owns the queries that users, groups, roles, managed policies and instance profiles have in common: by name in an account.

import type { AccountId } from '@ironbark/core/ids.ts';
import { sql } from 'kysely';
import type { Schema } from './schema.ts';
import type { Queries } from './store.ts';

export type NamedKind = 'user' | 'iamGroup' | 'role' | 'managedPolicy' | 'instanceProfile';

export function findNamed<Kind extends NamedKind>(
  db: Queries,
  kind: Kind,
  { accountId, name }: { accountId: AccountId; name: string },
): Promise<Schema[Kind] | undefined> {
  return db
    .selectFrom(kind as 'role')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .executeTakeFirst() as Promise<Schema[Kind] | undefined>;
}

/** "Names are not distinguished by case." */
export async function isNameTaken(
  db: Queries,
  kind: NamedKind,
  { accountId, name }: { accountId: AccountId; name: string },
): Promise<boolean> {
  const row = await db
    .selectFrom(kind as 'role')
    .select('id')
    .where('accountId', '=', accountId)
    .where(sql`lower(name)`, '=', name.toLowerCase())
    .executeTakeFirst();
  return row !== undefined;
}

export function findById<Kind extends NamedKind>(
  db: Queries,
  kind: Kind,
  id: string,
): Promise<Schema[Kind] | undefined> {
  return db
    .selectFrom(kind as 'role')
    .selectAll()
    .where('id', '=', id)
    .executeTakeFirst() as Promise<Schema[Kind] | undefined>;
}

export function listNamed<Kind extends NamedKind>(
  db: Queries,
  kind: Kind,
  accountId: AccountId,
): Promise<Schema[Kind][]> {
  return db
    .selectFrom(kind as 'role')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('name')
    .execute() as Promise<unknown> as Promise<Schema[Kind][]>;
}

export async function countNamed(
  db: Queries,
  kind: NamedKind,
  accountId: AccountId,
): Promise<number> {
  const row = await db
    .selectFrom(kind as 'role')
    .select(({ fn }) => fn.countAll().as('count'))
    .where('accountId', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

export async function insertNamed<Kind extends NamedKind>(
  db: Queries,
  kind: Kind,
  row: Schema[Kind],
): Promise<void> {
  await db
    .insertInto(kind as 'role')
    .values(row as never)
    .execute();
}

export async function updateNamed<Kind extends NamedKind>(
  db: Queries,
  kind: Kind,
  { id, ...changes }: Partial<Schema[Kind]> & { id: string },
): Promise<void> {
  await db
    .updateTable(kind as 'role')
    .set(changes as never)
    .where('id', '=', id)
    .execute();
}

export async function deleteNamed(db: Queries, kind: NamedKind, id: string): Promise<void> {
  await db.deleteFrom('iamTag').where('resourceId', '=', id).execute();
  await db
    .deleteFrom(kind as 'role')
    .where('id', '=', id)
    .execute();
}
