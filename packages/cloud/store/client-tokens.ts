// Owns the queries on client tokens: which ids an earlier call with the same token made.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';
import type { ClientTokenTable } from './schema.ts';
import type { Queries } from './store.ts';

export function findClientToken(
  db: Queries,
  key: { accountId: AccountId; action: string; token: string },
): Promise<Selectable<ClientTokenTable> | undefined> {
  return db
    .selectFrom('clientToken')
    .selectAll()
    .where('accountId', '=', key.accountId)
    .where('action', '=', key.action)
    .where('token', '=', key.token)
    .executeTakeFirst();
}

export async function insertClientToken(
  db: Queries,
  row: Selectable<ClientTokenTable>,
): Promise<void> {
  await db.insertInto('clientToken').values(row).execute();
}

export async function deleteClientTokensBefore(db: Queries, before: number): Promise<void> {
  await db.deleteFrom('clientToken').where('createdAt', '<', before).execute();
}
