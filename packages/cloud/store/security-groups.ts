// Owns the queries on security groups and their rules.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listGroups(db: Queries, accountId: AccountId): Promise<SecurityGroupRow[]> {
  return db.selectFrom('securityGroup').selectAll().where('accountId', '=', accountId).execute();
}

export function listGroupRules(db: Queries, accountId: AccountId): Promise<SecurityGroupRuleRow[]> {
  return db
    .selectFrom('securityGroupRule')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('id')
    .execute();
}

export async function insertGroup(db: Queries, row: SecurityGroupRow): Promise<void> {
  await db.insertInto('securityGroup').values(row).execute();
}

export async function insertGroupRule(db: Queries, row: SecurityGroupRuleRow): Promise<void> {
  await db.insertInto('securityGroupRule').values(row).execute();
}
