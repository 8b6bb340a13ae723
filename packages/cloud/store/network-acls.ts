// Owns the queries on network ACLs, their entries, and which subnet follows which.

import type {
  AccountId,
  NetworkAclAssociationId,
  NetworkAclId,
  SubnetId,
  VpcId,
} from '@ironbark/core/ids.ts';
import type { NetworkAclEntryRow, NetworkAclRow } from './network-schema.ts';
import type { Queries } from './store.ts';

export function listAcls(db: Queries, accountId: AccountId): Promise<NetworkAclRow[]> {
  return db.selectFrom('networkAcl').selectAll().where('accountId', '=', accountId).execute();
}

export function listAclsOf(db: Queries, vpcId: VpcId): Promise<NetworkAclRow[]> {
  return db.selectFrom('networkAcl').selectAll().where('vpcId', '=', vpcId).execute();
}

export async function insertAcl(db: Queries, row: NetworkAclRow): Promise<void> {
  await db.insertInto('networkAcl').values(row).execute();
}

/** With its entries. */
export async function deleteAcl(db: Queries, id: NetworkAclId): Promise<void> {
  await db.deleteFrom('networkAclEntry').where('aclId', '=', id).execute();
  await db.deleteFrom('networkAcl').where('id', '=', id).execute();
}

/** In the order in which they are looked at. */
export function listAclEntries(db: Queries, id: NetworkAclId): Promise<NetworkAclEntryRow[]> {
  return db
    .selectFrom('networkAclEntry')
    .selectAll()
    .where('aclId', '=', id)
    .orderBy('isEgress', 'desc')
    .orderBy('ruleNumber')
    .execute();
}

export function listEntriesOfAccount(
  db: Queries,
  accountId: AccountId,
): Promise<NetworkAclEntryRow[]> {
  return db
    .selectFrom('networkAclEntry')
    .innerJoin('networkAcl', 'networkAcl.id', 'networkAclEntry.aclId')
    .selectAll('networkAclEntry')
    .where('networkAcl.accountId', '=', accountId)
    .orderBy('isEgress', 'desc')
    .orderBy('ruleNumber')
    .execute();
}

export function listEntriesOfVpc(db: Queries, vpcId: VpcId): Promise<NetworkAclEntryRow[]> {
  return db
    .selectFrom('networkAclEntry')
    .innerJoin('networkAcl', 'networkAcl.id', 'networkAclEntry.aclId')
    .selectAll('networkAclEntry')
    .where('networkAcl.vpcId', '=', vpcId)
    .orderBy('isEgress', 'desc')
    .orderBy('ruleNumber')
    .execute();
}

export async function insertAclEntry(db: Queries, row: NetworkAclEntryRow): Promise<void> {
  await db.insertInto('networkAclEntry').values(row).execute();
}

export async function deleteAclEntry(
  db: Queries,
  { aclId, isEgress, ruleNumber }: Pick<NetworkAclEntryRow, 'aclId' | 'isEgress' | 'ruleNumber'>,
): Promise<void> {
  await db
    .deleteFrom('networkAclEntry')
    .where('aclId', '=', aclId)
    .where('isEgress', '=', isEgress)
    .where('ruleNumber', '=', ruleNumber)
    .execute();
}

/** From now on the subnet follows this one. */
export async function setSubnetAcl(
  db: Queries,
  id: SubnetId,
  values: { aclId: NetworkAclId; aclAssociationId: NetworkAclAssociationId },
): Promise<void> {
  await db.updateTable('subnet').set(values).where('id', '=', id).execute();
}
