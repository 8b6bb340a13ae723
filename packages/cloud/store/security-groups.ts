// Owns the queries on security groups and their rules.

import type { AccountId, SecurityGroupId, SecurityGroupRuleId, VpcId } from '@ironbark/core/ids.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listGroups(db: Queries, accountId: AccountId): Promise<SecurityGroupRow[]> {
  return db.selectFrom('securityGroup').selectAll().where('accountId', '=', accountId).execute();
}

export function listGroupsOfVpc(db: Queries, vpcId: VpcId): Promise<SecurityGroupRow[]> {
  return db.selectFrom('securityGroup').selectAll().where('vpcId', '=', vpcId).execute();
}

export function listGroupRules(db: Queries, accountId: AccountId): Promise<SecurityGroupRuleRow[]> {
  return db
    .selectFrom('securityGroupRule')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('id')
    .execute();
}

export function listRulesOf(
  db: Queries,
  groupId: SecurityGroupId,
): Promise<SecurityGroupRuleRow[]> {
  return db
    .selectFrom('securityGroupRule')
    .selectAll()
    .where('groupId', '=', groupId)
    .orderBy('id')
    .execute();
}

export async function insertGroup(db: Queries, row: SecurityGroupRow): Promise<void> {
  await db.insertInto('securityGroup').values(row).execute();
}

export async function deleteGroup(db: Queries, id: SecurityGroupId): Promise<void> {
  await db.deleteFrom('securityGroup').where('id', '=', id).execute();
}

export async function insertGroupRule(db: Queries, row: SecurityGroupRuleRow): Promise<void> {
  await db.insertInto('securityGroupRule').values(row).execute();
}

export async function updateGroupRule(
  db: Queries,
  id: SecurityGroupRuleId,
  values: Partial<Omit<SecurityGroupRuleRow, 'id'>>,
): Promise<void> {
  await db.updateTable('securityGroupRule').set(values).where('id', '=', id).execute();
}

export async function deleteGroupRule(db: Queries, id: SecurityGroupRuleId): Promise<void> {
  await db.deleteFrom('securityGroupRule').where('id', '=', id).execute();
}

/** True while an interface is in it. */
export async function hasInterfaces(db: Queries, id: SecurityGroupId): Promise<boolean> {
  const row = await db
    .selectFrom('interfaceGroup')
    .select('interfaceId')
    .where('groupId', '=', id)
    .executeTakeFirst();
  return row !== undefined;
}

/** True while a rule of another group names it. */
export async function isReferenced(db: Queries, id: SecurityGroupId): Promise<boolean> {
  const row = await db
    .selectFrom('securityGroupRule')
    .select('id')
    .where('sourceGroupId', '=', id)
    .where('groupId', '!=', id)
    .executeTakeFirst();
  return row !== undefined;
}
