// Owns the queries on which user is in which group.

import type { UserTable } from './account-schema.ts';
import type { GroupTable } from './iam-schema.ts';
import type { Queries } from './store.ts';

export async function addMember(db: Queries, group: GroupTable, user: UserTable): Promise<void> {
  const row = { groupId: group.id, userId: user.id, accountId: group.accountId };
  const insert = db.insertInto('groupMember').values(row);
  await insert.onConflict((conflict) => conflict.doNothing()).execute();
}

/** True when there was one. */
export async function removeMember(db: Queries, groupId: string, userId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('groupMember')
    .where('groupId', '=', groupId)
    .where('userId', '=', userId)
    .executeTakeFirst();
  return result.numDeletedRows > 0n;
}

export function listMembers(db: Queries, groupId: string): Promise<UserTable[]> {
  return db
    .selectFrom('user')
    .innerJoin('groupMember', 'groupMember.userId', 'user.id')
    .selectAll('user')
    .where('groupMember.groupId', '=', groupId)
    .orderBy('user.name')
    .execute();
}

export function listGroupsOf(db: Queries, userId: string): Promise<GroupTable[]> {
  return db
    .selectFrom('iamGroup')
    .innerJoin('groupMember', 'groupMember.groupId', 'iamGroup.id')
    .selectAll('iamGroup')
    .where('groupMember.userId', '=', userId)
    .orderBy('iamGroup.name')
    .execute();
}
