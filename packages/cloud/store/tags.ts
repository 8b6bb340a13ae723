// Owns the queries on tags, for every kind of resource.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { TagRow } from './schema.ts';
import type { Queries } from './store.ts';

export function listTags(db: Queries, accountId: AccountId): Promise<TagRow[]> {
  return db
    .selectFrom('tag')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('key')
    .execute();
}

export function listTagsOf(db: Queries, resourceId: string): Promise<TagRow[]> {
  return db
    .selectFrom('tag')
    .selectAll()
    .where('resourceId', '=', resourceId)
    .orderBy('key')
    .execute();
}

export async function putTag(db: Queries, tag: TagRow): Promise<void> {
  await db
    .insertInto('tag')
    .values(tag)
    .onConflict((c) => c.columns(['resourceId', 'key']).doUpdateSet({ value: tag.value }))
    .execute();
}

/** Without a key every tag of the resource; with a value only where the value is the same. */
export async function deleteTags(
  db: Queries,
  resourceId: string,
  only: { key?: string | undefined; value?: string | undefined } = {},
): Promise<void> {
  let query = db.deleteFrom('tag').where('resourceId', '=', resourceId);
  if (only.key !== undefined) query = query.where('key', '=', only.key);
  if (only.value !== undefined) query = query.where('value', '=', only.value);
  await query.execute();
}
