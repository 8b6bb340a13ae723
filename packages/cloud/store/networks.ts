// Owns the queries on VPCs and subnets.

import type { AccountId, SubnetId } from '@ironbark/core/ids.ts';
import type { SubnetRow, VpcRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listVpcs(db: Queries, accountId: AccountId): Promise<VpcRow[]> {
  return db.selectFrom('vpc').selectAll().where('accountId', '=', accountId).execute();
}

export function listSubnets(db: Queries, accountId: AccountId): Promise<SubnetRow[]> {
  return db.selectFrom('subnet').selectAll().where('accountId', '=', accountId).execute();
}

/** Every subnet with the block of its VPC, whoever owns it. */
export function listAllSubnets(db: Queries): Promise<(SubnetRow & { vpcCidr: string })[]> {
  return db
    .selectFrom('subnet')
    .innerJoin('vpc', 'vpc.id', 'subnet.vpcId')
    .selectAll('subnet')
    .select('vpc.cidr as vpcCidr')
    .execute();
}

export async function setNextAddress(db: Queries, id: SubnetId, next: number): Promise<void> {
  await db.updateTable('subnet').set({ nextAddress: next }).where('id', '=', id).execute();
}

export async function insertVpc(db: Queries, row: VpcRow): Promise<void> {
  await db.insertInto('vpc').values(row).execute();
}

export async function insertSubnet(db: Queries, row: SubnetRow): Promise<void> {
  await db.insertInto('subnet').values(row).execute();
}
