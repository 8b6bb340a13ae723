// Owns the queries on NAT gateways.

import type { AccountId, AllocationId, NatGatewayId, VpcId } from '@ironbark/core/ids.ts';
import type { NatGatewayRow } from './network-schema.ts';
import type { Queries } from './store.ts';

export function listNatGateways(db: Queries, accountId: AccountId): Promise<NatGatewayRow[]> {
  return db.selectFrom('natGateway').selectAll().where('accountId', '=', accountId).execute();
}

/** Deleted ones are still shown for a while; these are not among them. */
export function listNatGatewaysOf(db: Queries, vpcId: VpcId): Promise<NatGatewayRow[]> {
  return db
    .selectFrom('natGateway')
    .selectAll()
    .where('vpcId', '=', vpcId)
    .where('deletedAt', 'is', null)
    .execute();
}

/** A living one, that uses the address. */
export async function hasNatGateway(db: Queries, allocationId: AllocationId): Promise<boolean> {
  const row = await db
    .selectFrom('natGateway')
    .select('id')
    .where('allocationId', '=', allocationId)
    .where('deletedAt', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}

export async function insertNatGateway(db: Queries, row: NatGatewayRow): Promise<void> {
  await db.insertInto('natGateway').values(row).execute();
}

export async function markNatGatewayDeleted(
  db: Queries,
  id: NatGatewayId,
  deletedAt: number,
): Promise<void> {
  await db.updateTable('natGateway').set({ deletedAt }).where('id', '=', id).execute();
}

export async function deleteNatGatewaysBefore(db: Queries, before: number): Promise<void> {
  await db.deleteFrom('natGateway').where('deletedAt', '<', before).execute();
}
