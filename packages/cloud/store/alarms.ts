// Owns the queries on alarms.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { AlarmRow } from './alarm-schema.ts';
import type { Queries } from './store.ts';

export function findAlarm(
  db: Queries,
  accountId: AccountId,
  name: string,
): Promise<AlarmRow | undefined> {
  return db
    .selectFrom('alarm')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .executeTakeFirst();
}

export function listAlarms(db: Queries, accountId: AccountId): Promise<AlarmRow[]> {
  return db
    .selectFrom('alarm')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('name')
    .execute();
}

export function listAllAlarms(db: Queries): Promise<AlarmRow[]> {
  return db.selectFrom('alarm').selectAll().orderBy('accountId').orderBy('name').execute();
}

export async function insertAlarm(db: Queries, row: AlarmRow): Promise<void> {
  await db.insertInto('alarm').values(row).execute();
}

export async function updateAlarm(
  db: Queries,
  { accountId, name }: Pick<AlarmRow, 'accountId' | 'name'>,
  changes: Partial<Omit<AlarmRow, 'accountId' | 'name'>>,
): Promise<void> {
  await db
    .updateTable('alarm')
    .set(changes)
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .execute();
}

export async function deleteAlarm(
  db: Queries,
  { accountId, name }: Pick<AlarmRow, 'accountId' | 'name'>,
): Promise<void> {
  await db
    .deleteFrom('alarm')
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .execute();
}
