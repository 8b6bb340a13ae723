// Owns the queries on what makes a VPC: its blocks, and what has to be gone before it goes.

import type { AccountId, VpcCidrAssociationId, VpcId } from '@ironbark/core/ids.ts';
import { deleteIpv6RowsOfVpc } from './ipv6.ts';
import type { VpcCidrRow } from './network-schema.ts';
import type { VpcRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listVpcCidrs(db: Queries, accountId: AccountId): Promise<VpcCidrRow[]> {
  return db.selectFrom('vpcCidr').selectAll().where('accountId', '=', accountId).execute();
}

export function listCidrsOf(db: Queries, vpcId: VpcId): Promise<VpcCidrRow[]> {
  return db.selectFrom('vpcCidr').selectAll().where('vpcId', '=', vpcId).orderBy('id').execute();
}

export async function insertVpcCidr(db: Queries, row: VpcCidrRow): Promise<void> {
  await db.insertInto('vpcCidr').values(row).execute();
}

export async function deleteVpcCidr(db: Queries, id: VpcCidrAssociationId): Promise<void> {
  await db.deleteFrom('vpcCidr').where('id', '=', id).execute();
}

export async function updateVpc(
  db: Queries,
  id: VpcId,
  values: Partial<Pick<VpcRow, 'enableDnsSupport' | 'enableDnsHostnames' | 'dhcpOptionsId'>>,
): Promise<void> {
  await db.updateTable('vpc').set(values).where('id', '=', id).execute();
}

export async function deleteVpcRows(db: Queries, id: VpcId): Promise<void> {
  await db.deleteFrom('vpcCidr').where('vpcId', '=', id).execute();
  await deleteIpv6RowsOfVpc(db, id);
  await db.deleteFrom('vpcPortChange').where('vpcId', '=', id).execute();
  await db.deleteFrom('vpc').where('id', '=', id).execute();
}

/** In the transaction that deletes it, so that the zone forgets it whatever ends in between. */
export async function insertVpcGone(db: Queries, id: VpcId): Promise<void> {
  await db.insertInto('vpcGone').values({ id }).execute();
}

export async function listVpcsGone(db: Queries): Promise<VpcId[]> {
  const rows = await db.selectFrom('vpcGone').select('id').execute();
  return rows.map(({ id }) => id);
}

export async function deleteVpcGone(db: Queries, id: VpcId): Promise<void> {
  await db.deleteFrom('vpcGone').where('id', '=', id).execute();
}

/** What is in it: of these tables a row of the VPC's own keeps it. */
export async function hasRowsOf(
  db: Queries,
  table: 'subnet' | 'internetGateway' | 'egressOnlyGateway' | 'networkInterface',
  id: VpcId,
): Promise<boolean> {
  const row = await db.selectFrom(table).select('id').where('vpcId', '=', id).executeTakeFirst();
  return row !== undefined;
}
