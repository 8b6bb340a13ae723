// Owns the queries on tags, for every kind of resource.

import type { AccountId } from '@ironbark/core/ids.ts';
import { inParts } from './in-parts.ts';
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

/** Of all resources of one type, as EC2 names it. */
export function listTagsOfType(
  db: Queries,
  accountId: AccountId,
  resourceType: string,
): Promise<TagRow[]> {
  return db
    .selectFrom('tag')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('resourceType', '=', resourceType)
    .orderBy('key')
    .execute();
}

/** Every account's. */
export function listTagsOf(db: Queries, resourceId: string): Promise<TagRow[]> {
  return db
    .selectFrom('tag')
    .selectAll()
    .where('resourceId', '=', resourceId)
    .orderBy('key')
    .execute();
}

/** Whose tags on which resource: of one that is shared each account has its own. */
export interface TaggedResource {
  resourceId: string;
  accountId: AccountId;
}

export function listOwnTagsOf(
  db: Queries,
  { resourceId, accountId }: TaggedResource,
): Promise<TagRow[]> {
  return db
    .selectFrom('tag')
    .selectAll()
    .where('resourceId', '=', resourceId)
    .where('accountId', '=', accountId)
    .orderBy('key')
    .execute();
}

export function listTagsOfAny(db: Queries, ids: readonly string[]): Promise<TagRow[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('tag')
      .selectAll()
      .where('resourceId', 'in', some)
      .orderBy('resourceId')
      .orderBy('key')
      .execute(),
  );
}

/** The ids of resources of one type whose tag has one of these values. */
export async function listTaggedWith(
  db: Queries,
  accountId: AccountId,
  tag: { resourceType: string; key: string; values: readonly string[] },
): Promise<string[]> {
  const rows = await db
    .selectFrom('tag')
    .select('resourceId')
    .where('accountId', '=', accountId)
    .where('resourceType', '=', tag.resourceType)
    .where('key', '=', tag.key)
    .where('value', 'in', tag.values)
    .execute();
  return rows.map((row) => row.resourceId);
}

export async function putTag(db: Queries, tag: TagRow): Promise<void> {
  await db
    .insertInto('tag')
    .values(tag)
    .onConflict((c) =>
      c.columns(['resourceId', 'accountId', 'key']).doUpdateSet({ value: tag.value }),
    )
    .execute();
}

/** Every tag that the account gave the resource. */
export async function deleteOwnTags(
  db: Queries,
  { resourceId, accountId }: TaggedResource,
): Promise<void> {
  await db
    .deleteFrom('tag')
    .where('resourceId', '=', resourceId)
    .where('accountId', '=', accountId)
    .where('key', 'not like', 'aws:%')
    .execute();
}

/** Of a resource that is gone, every account's. */
export async function deleteTags(db: Queries, resourceId: string): Promise<void> {
  await db.deleteFrom('tag').where('resourceId', '=', resourceId).execute();
}

/** With a value only where the value is the same. */
export async function deleteOwnTag(
  db: Queries,
  { resourceId, accountId }: TaggedResource,
  only: { key: string; value: string | undefined },
): Promise<void> {
  let query = db
    .deleteFrom('tag')
    .where('resourceId', '=', resourceId)
    .where('accountId', '=', accountId)
    .where('key', '=', only.key);
  if (only.value !== undefined) query = query.where('value', '=', only.value);
  await query.execute();
}

/** The resources that have the key with another value than this one. */
export async function listTaggedOtherwise(
  db: Queries,
  key: string,
  value: string,
): Promise<string[]> {
  const rows = await db
    .selectFrom('tag')
    .select('resourceId')
    .where('key', '=', key)
    .where('value', '!=', value)
    .execute();
  return rows.map(({ resourceId }) => resourceId);
}
