// Owns the rules of placement groups: names, and that one with instances stays.

import type { AccountId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { PlacementGroupRow, PlacementStrategy } from '../store/placement-group-schema.ts';
import {
  deletePlacementGroup,
  findPlacementGroup,
  hasMembers,
  insertPlacementGroup,
  listPlacementGroups,
} from '../store/placement-groups.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { invalidCombination, invalidValue, missingParameter, refuse } from './refusals.ts';
import { PLACEMENT_GROUP, parseId } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';

/** "Placement groups: 500 for each Region" (EC2 User Guide). */
const MAX_GROUPS = 500;

export interface PlacementWish {
  GroupName?: string | undefined;
  GroupId?: string | undefined;
}

/** "Up to 255 ASCII characters": API reference of CreatePlacementGroup. */
export function checkGroupName(name: string | undefined): string {
  if (name === undefined || name === '') throw missingParameter('GroupName');
  if (/^[\x20-\x7e]{1,255}$/.test(name)) return name;
  throw invalidValue('GroupName', name.slice(0, 300), 'It has 1 to 255 ASCII characters.');
}

export async function addPlacementGroup(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  wanted: { name: string; strategy: PlacementStrategy; tags: readonly Tag[] },
): Promise<PlacementGroupRow> {
  const { name, strategy, tags } = wanted;
  const groups = await listPlacementGroups(tx, accountId);
  if (groups.some((group) => group.name === name)) {
    throw refuse('duplicate', 'placement-group', `The Placement Group '${name}' already exists.`);
  }
  if (groups.length >= MAX_GROUPS) {
    throw refuse('limit-exceeded', 'placement-group', `An account can have ${MAX_GROUPS}.`);
  }
  const row = { id: newId(app.random, 'pg'), accountId, name, strategy, createdAt: nowMs };
  await insertPlacementGroup(tx, row);
  await setTags(tx, accountId, row.id, tags);
  return row;
}

export async function removePlacementGroup(
  { accountId }: Caller,
  { tx }: Change,
  name: string,
): Promise<void> {
  const group = await getPlacementGroup(tx, accountId, { GroupName: name });
  if (await hasMembers(tx, group.id)) {
    const message = `The placement group '${name}' is in use and may not be deleted.`;
    throw refuse('in-use', 'placement-group', message);
  }
  await deletePlacementGroup(tx, group.id);
  await deleteTags(tx, group.id);
}

export async function getPlacementGroup(
  tx: Queries,
  accountId: AccountId,
  { GroupName: name, GroupId }: PlacementWish,
): Promise<PlacementGroupRow> {
  if (name !== undefined && GroupId !== undefined) {
    throw invalidCombination('Give a placement group by GroupName or by GroupId, not both.');
  }
  const by =
    GroupId === undefined
      ? { name: name ?? '' }
      : { id: parseId(PLACEMENT_GROUP, GroupId, 'Placement.GroupId') };
  const group = await findPlacementGroup(tx, accountId, by);
  if (group !== undefined) return group;
  throw unknownGroup(GroupId ?? name ?? '');
}

export function unknownGroup(name: string): Error {
  return refuse(
    'not-found',
    'placement-group',
    `The Placement Group '${name.slice(0, 255)}' is unknown.`,
  );
}
