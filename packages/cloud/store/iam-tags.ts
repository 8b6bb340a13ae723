// Owns the queries on tags of users, roles, policies and instance profiles.

import type { IamTagTable } from './iam-schema.ts';
import type { Queries } from './store.ts';

export function listIamTags(db: Queries, resourceId: string): Promise<IamTagTable[]> {
  return db
    .selectFrom('iamTag')
    .selectAll()
    .where('resourceId', '=', resourceId)
    .orderBy('key')
    .execute();
}

export async function putIamTag(db: Queries, row: IamTagTable): Promise<void> {
  await deleteIamTag(db, row.resourceId, row.key);
  await db.insertInto('iamTag').values(row).execute();
}

export async function deleteIamTag(db: Queries, resourceId: string, key: string): Promise<void> {
  await db
    .deleteFrom('iamTag')
    .where('resourceId', '=', resourceId)
    .where('key', '=', key)
    .execute();
}
