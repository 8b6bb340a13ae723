// Owns the tags of alarms, and how an alarm is named by its ARN.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { AlarmRow } from '../store/alarm-schema.ts';
import { findAlarm, updateAlarm } from '../store/alarms.ts';
import type { Queries } from '../store/store.ts';
import { refuse } from './refusals.ts';
import type { Tag } from './tags.ts';

/** "You can associate as many as 50 tags with a CloudWatch resource": API reference of TagResource. */
const MAX_TAGS = 50;

export interface AlarmPlace {
  accountId: AccountId;
  region: string;
}

export function alarmArn(name: string, { accountId, region }: AlarmPlace): string {
  return `arn:aws:cloudwatch:${region}:${accountId}:alarm:${name}`;
}

/** The account's own; there is nothing else with tags. */
export async function getAlarmByArn(
  db: Queries,
  place: AlarmPlace,
  arn: string,
): Promise<AlarmRow> {
  const start = alarmArn('', place);
  const name = arn.startsWith(start) ? arn.slice(start.length) : undefined;
  const row = name === undefined ? undefined : await findAlarm(db, place.accountId, name);
  if (row !== undefined) return row;
  throw refuse('not-found', 'request', `There is no alarm ${arn.slice(0, 400)}.`);
}

export function tagsOfAlarm({ tags }: Pick<AlarmRow, 'tags'>): Tag[] {
  return JSON.parse(tags) as Tag[];
}

export function renderAlarmTags(tags: readonly Tag[]): string {
  if (tags.length <= MAX_TAGS) return JSON.stringify(tags);
  throw refuse('limit-exceeded', 'request', `An alarm has at most ${MAX_TAGS} tags.`);
}

/** The newer value of a key stands. */
export async function addAlarmTags(
  tx: Queries,
  row: AlarmRow,
  more: readonly Tag[],
): Promise<void> {
  const keys = new Set(more.map(({ key }) => key));
  const kept = tagsOfAlarm(row).filter(({ key }) => !keys.has(key));
  await updateAlarm(tx, row, { tags: renderAlarmTags([...kept, ...more]) });
}

export async function removeAlarmTags(
  tx: Queries,
  row: AlarmRow,
  keys: readonly string[],
): Promise<void> {
  const kept = tagsOfAlarm(row).filter(({ key }) => !keys.includes(key));
  await updateAlarm(tx, row, { tags: renderAlarmTags(kept) });
}
