// Owns the queries on placement groups.

import type { AccountId, PlacementGroupId } from '@ironbark/core/ids.ts';
import type { PlacementGroupRow } from './placement-group-schema.ts';
import type { Queries } from './store.ts';

export function listPlacementGroups(
  db: Queries,
  accountId: AccountId,
): Promise<PlacementGroupRow[]> {
  return db.selectFrom('placementGroup').selectAll().where('accountId', '=', accountId).execute();
}

export function findPlacementGroup(
  db: Queries,
  accountId: AccountId,
  by: { id: PlacementGroupId } | { name: string },
): Promise<PlacementGroupRow | undefined> {
  const own = db.selectFrom('placementGroup').selectAll().where('accountId', '=', accountId);
  const found = 'id' in by ? own.where('id', '=', by.id) : own.where('name', '=', by.name);
  return found.executeTakeFirst();
}

export async function insertPlacementGroup(db: Queries, row: PlacementGroupRow): Promise<void> {
  await db.insertInto('placementGroup').values(row).execute();
}

export async function deletePlacementGroup(db: Queries, id: PlacementGroupId): Promise<void> {
  await db.deleteFrom('placementGroup').where('id', '=', id).execute();
}

/** True while an instance that has not ended is in it. */
export async function hasMembers(db: Queries, id: PlacementGroupId): Promise<boolean> {
  const row = await db
    .selectFrom('instance')
    .select('id')
    .where('placementGroupId', '=', id)
    .where('terminatedAt', 'is', null)
    .executeTakeFirst();
  return row !== undefined;
}
