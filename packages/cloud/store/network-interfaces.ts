// Owns the queries on network interfaces and the security groups they are in.

import type { AccountId, InstanceId, SecurityGroupId, SubnetId } from '@ironbark/core/ids.ts';
import type { Insertable } from 'kysely';
import type { InterfaceRow, NetworkInterfaceTable } from './schema.ts';
import type { Queries } from './store.ts';

export interface InterfaceGroup {
  interfaceId: string;
  groupId: SecurityGroupId;
  name: string;
}

export function listInterfaces(db: Queries, accountId: AccountId): Promise<InterfaceRow[]> {
  return db
    .selectFrom('networkInterface')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('deviceIndex')
    .execute();
}

export function listInterfacesOf(db: Queries, id: InstanceId): Promise<InterfaceRow[]> {
  return db
    .selectFrom('networkInterface')
    .selectAll()
    .where('instanceId', '=', id)
    .orderBy('deviceIndex')
    .execute();
}

export function listInterfaceGroups(db: Queries, accountId: AccountId): Promise<InterfaceGroup[]> {
  return db
    .selectFrom('interfaceGroup')
    .innerJoin('securityGroup', 'securityGroup.id', 'interfaceGroup.groupId')
    .select(['interfaceGroup.interfaceId', 'interfaceGroup.groupId', 'securityGroup.name'])
    .where('securityGroup.accountId', '=', accountId)
    .orderBy('securityGroup.name')
    .execute();
}

export function listInterfaceGroupsOf(db: Queries, id: InstanceId): Promise<InterfaceGroup[]> {
  return db
    .selectFrom('interfaceGroup')
    .innerJoin('securityGroup', 'securityGroup.id', 'interfaceGroup.groupId')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceGroup.interfaceId')
    .select(['interfaceGroup.interfaceId', 'interfaceGroup.groupId', 'securityGroup.name'])
    .where('networkInterface.instanceId', '=', id)
    .orderBy('securityGroup.name')
    .execute();
}

export async function listUsedAddresses(db: Queries, subnetId: SubnetId): Promise<Set<string>> {
  const rows = await db
    .selectFrom('networkInterface')
    .select('privateIp')
    .where('subnetId', '=', subnetId)
    .execute();
  return new Set(rows.map((row) => row.privateIp));
}

export async function insertInterface(
  db: Queries,
  row: Insertable<NetworkInterfaceTable>,
  groupIds: readonly SecurityGroupId[],
): Promise<void> {
  await db.insertInto('networkInterface').values(row).execute();
  for (const groupId of groupIds) {
    await db.insertInto('interfaceGroup').values({ interfaceId: row.id, groupId }).execute();
  }
}

/** Gives the addresses back. */
export async function deleteInterfacesOf(db: Queries, id: InstanceId): Promise<void> {
  const rows = await listInterfacesOf(db, id);
  for (const row of rows) {
    await db.deleteFrom('interfaceGroup').where('interfaceId', '=', row.id).execute();
    await db.deleteFrom('networkInterface').where('id', '=', row.id).execute();
    await db.deleteFrom('tag').where('resourceId', '=', row.id).execute();
  }
}
