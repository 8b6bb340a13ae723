// Owns the queries on DHCP option sets.

import type { AccountId, DhcpOptionsId } from '@ironbark/core/ids.ts';
import type { DhcpOptionsRow } from './network-schema.ts';
import type { Queries } from './store.ts';

export function listDhcpOptions(db: Queries, accountId: AccountId): Promise<DhcpOptionsRow[]> {
  return db.selectFrom('dhcpOptions').selectAll().where('accountId', '=', accountId).execute();
}

export function findDhcpOptions(
  db: Queries,
  id: DhcpOptionsId,
): Promise<DhcpOptionsRow | undefined> {
  return db.selectFrom('dhcpOptions').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function insertDhcpOptions(db: Queries, row: DhcpOptionsRow): Promise<void> {
  await db.insertInto('dhcpOptions').values(row).execute();
}

export async function deleteDhcpOptionsRow(db: Queries, id: DhcpOptionsId): Promise<void> {
  await db.deleteFrom('dhcpOptions').where('id', '=', id).execute();
}

export async function isAnyVpcWith(db: Queries, id: DhcpOptionsId): Promise<boolean> {
  const row = await db
    .selectFrom('vpc')
    .select('id')
    .where('dhcpOptionsId', '=', id)
    .executeTakeFirst();
  return row !== undefined;
}
