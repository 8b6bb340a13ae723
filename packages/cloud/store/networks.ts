// Owns the queries on VPCs and subnets.

import type { AccountId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import type { Insertable } from 'kysely';
import { deleteSubnetIpv6Cidr } from './ipv6.ts';
import type { SubnetTable, VpcTable } from './network-schema.ts';
import type { SubnetRow, VpcRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listVpcs(db: Queries, accountId: AccountId): Promise<VpcRow[]> {
  return db.selectFrom('vpc').selectAll().where('accountId', '=', accountId).execute();
}

export function listSubnets(db: Queries, accountId: AccountId): Promise<SubnetRow[]> {
  return db.selectFrom('subnet').selectAll().where('accountId', '=', accountId).execute();
}

export type SubnetOfVpc = SubnetRow & { vpcCidr: string };

/** Every subnet with the block of its VPC, whoever owns it. */
export function listAllSubnets(db: Queries): Promise<SubnetOfVpc[]> {
  return db
    .selectFrom('subnet')
    .innerJoin('vpc', 'vpc.id', 'subnet.vpcId')
    .selectAll('subnet')
    .select('vpc.cidr as vpcCidr')
    .execute();
}

/** Of default VPCs, whoever owns them: the host routes these, so no address is in two of them. */
export async function listSubnetsOfDefaultVpcs(db: Queries): Promise<SubnetRow[]> {
  return await db
    .selectFrom('subnet')
    .innerJoin('vpc', 'vpc.id', 'subnet.vpcId')
    .where('vpc.isDefault', '=', 1)
    .selectAll('subnet')
    .execute();
}

/** VXLAN has 24 bits. */
const MAX_NETWORK_NUMBER = 2 ** 24 - 1;

/**
 * The next after the one that was given last, whether its VPC is there or not: one that is free again rests until all the
 * others were given, so that no node has anything left of it.
 */
export async function takeNetworkNumber(db: Queries): Promise<number> {
  const { number: last } = await db
    .selectFrom('lastNetworkNumber')
    .select('number')
    .executeTakeFirstOrThrow();
  let number = (last % MAX_NETWORK_NUMBER) + 1;
  while (await isNetworkNumberTaken(db, number)) number = (number % MAX_NETWORK_NUMBER) + 1;
  await db.updateTable('lastNetworkNumber').set({ number }).execute();
  return number;
}

async function isNetworkNumberTaken(db: Queries, number: number): Promise<boolean> {
  const row = await db
    .selectFrom('vpc')
    .select('id')
    .where('networkNumber', '=', number)
    .executeTakeFirst();
  return row !== undefined;
}

export function findVpc(db: Queries, id: VpcId): Promise<VpcRow | undefined> {
  return db.selectFrom('vpc').selectAll().where('id', '=', id).executeTakeFirst();
}

export function listVpcGenerations(db: Queries): Promise<Pick<VpcRow, 'id' | 'generation'>[]> {
  return db.selectFrom('vpc').select(['id', 'generation']).execute();
}

/** Never below the time, so that what is sent of a state that came back from a copy is newer than what was sent. */
export async function raiseVpcGeneration(db: Queries, id: VpcId, nowMs: number): Promise<void> {
  await db
    .updateTable('vpc')
    .set((eb) => ({
      generation: eb
        .case()
        .when('generation', '<', nowMs)
        .then(nowMs)
        .else(eb('generation', '+', 1))
        .end(),
    }))
    .where('id', '=', id)
    .execute();
}

export async function setNextAddress(db: Queries, id: SubnetId, next: number): Promise<void> {
  await db.updateTable('subnet').set({ nextAddress: next }).where('id', '=', id).execute();
}

export async function updateSubnet(
  db: Queries,
  id: SubnetId,
  values: Partial<Pick<SubnetRow, 'mapPublicIp'>>,
): Promise<void> {
  await db.updateTable('subnet').set(values).where('id', '=', id).execute();
}

export async function deleteSubnetRow(db: Queries, id: SubnetId): Promise<void> {
  await deleteSubnetIpv6Cidr(db, id);
  await db.deleteFrom('subnet').where('id', '=', id).execute();
}

export async function insertVpc(db: Queries, row: Insertable<VpcTable>): Promise<void> {
  await db.insertInto('vpc').values(row).execute();
}

export async function insertSubnet(db: Queries, row: Insertable<SubnetTable>): Promise<void> {
  await db.insertInto('subnet').values(row).execute();
}
