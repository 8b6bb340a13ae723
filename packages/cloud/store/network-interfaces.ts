// Owns the queries on network interfaces and the security groups they are in.

import type {
  AccountId,
  InstanceId,
  InterfaceId,
  ResourceId,
  SecurityGroupId,
  SubnetId,
} from '@ironbark/core/ids.ts';
import type { Insertable } from 'kysely';
import { inParts } from './in-parts.ts';
import { deleteIpv6AddressesOf } from './ipv6.ts';
import type { NetworkInterfaceTable } from './network-schema.ts';
import { addUse } from './quotas.ts';
import type { InterfaceRow } from './schema.ts';
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

export function findInterface(db: Queries, id: InterfaceId): Promise<InterfaceRow | undefined> {
  return db.selectFrom('networkInterface').selectAll().where('id', '=', id).executeTakeFirst();
}

export function listInterfacesOf(db: Queries, id: InstanceId): Promise<InterfaceRow[]> {
  return db
    .selectFrom('networkInterface')
    .selectAll()
    .where('instanceId', '=', id)
    .orderBy('deviceIndex')
    .execute();
}

/** An account's, by their attachments. */
export function listInterfacesAttachedAs(
  db: Queries,
  accountId: AccountId,
  ids: readonly ResourceId<'eni-attach'>[],
): Promise<InterfaceRow[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('networkInterface')
      .selectAll()
      .where('accountId', '=', accountId)
      .where('attachmentId', 'in', some)
      .execute(),
  );
}

export function listInterfacesOfAny(
  db: Queries,
  ids: readonly InstanceId[],
): Promise<InterfaceRow[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('networkInterface')
      .selectAll()
      .where('instanceId', 'in', some)
      .orderBy('instanceId')
      .orderBy('deviceIndex')
      .execute(),
  );
}

export function listInterfaceGroupsOfAny(
  db: Queries,
  ids: readonly InstanceId[],
): Promise<InterfaceGroup[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('networkInterface')
      .innerJoin('interfaceGroup', 'interfaceGroup.interfaceId', 'networkInterface.id')
      .innerJoin('securityGroup', 'securityGroup.id', 'interfaceGroup.groupId')
      .select(['interfaceGroup.interfaceId', 'interfaceGroup.groupId', 'securityGroup.name'])
      .where('networkInterface.instanceId', 'in', some)
      .orderBy('securityGroup.name')
      .execute(),
  );
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

/** First and secondary ones. */
export async function listUsedAddresses(db: Queries, subnetId: SubnetId): Promise<Set<string>> {
  const rows = await db
    .selectFrom('networkInterface')
    .select('privateIp')
    .where('subnetId', '=', subnetId)
    .execute();
  const more = await db
    .selectFrom('interfaceAddress')
    .select('privateIp')
    .where('subnetId', '=', subnetId)
    .execute();
  return new Set([...rows, ...more].map((row) => row.privateIp));
}

export async function hasInterfacesIn(db: Queries, subnetId: SubnetId): Promise<boolean> {
  const row = await db
    .selectFrom('networkInterface')
    .select('id')
    .where('subnetId', '=', subnetId)
    .executeTakeFirst();
  return row !== undefined;
}

export async function updateInterface(
  db: Queries,
  id: InterfaceId,
  values: Partial<Omit<InterfaceRow, 'id' | 'accountId'>>,
): Promise<void> {
  await db.updateTable('networkInterface').set(values).where('id', '=', id).execute();
}

export async function setInterfaceGroups(
  db: Queries,
  interfaceId: InterfaceId,
  groupIds: readonly SecurityGroupId[],
): Promise<void> {
  await db.deleteFrom('interfaceGroup').where('interfaceId', '=', interfaceId).execute();
  for (const groupId of groupIds) {
    await db.insertInto('interfaceGroup').values({ interfaceId, groupId }).execute();
  }
}

export async function insertInterface(
  db: Queries,
  row: Insertable<NetworkInterfaceTable>,
  groupIds: readonly SecurityGroupId[],
): Promise<void> {
  await db.insertInto('networkInterface').values(row).execute();
  await addUse(db, row.accountId, 'interfaces', 1);
  for (const groupId of groupIds) {
    await db.insertInto('interfaceGroup').values({ interfaceId: row.id, groupId }).execute();
  }
}

/** Gives the private addresses back. Public ones are let go of before. */
export async function deleteInterface(
  db: Queries,
  { id, accountId }: Pick<InterfaceRow, 'id' | 'accountId'>,
): Promise<void> {
  await db.deleteFrom('interfaceGroup').where('interfaceId', '=', id).execute();
  await db.deleteFrom('interfaceAddress').where('interfaceId', '=', id).execute();
  await deleteIpv6AddressesOf(db, id);
  const gone = await db.deleteFrom('networkInterface').where('id', '=', id).executeTakeFirst();
  if (gone.numDeletedRows > 0n) await addUse(db, accountId, 'interfaces', -1);
  await db.deleteFrom('tag').where('resourceId', '=', id).execute();
}
