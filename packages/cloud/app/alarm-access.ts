// Owns what a call of CloudWatch is about, as policies name it: alarms by their ARNs, each with its tags.
// Source: Service Authorization Reference, "Actions, resources, and condition keys for Amazon CloudWatch".

import { listAlarms } from '../store/alarms.ts';
import type { Queries } from '../store/store.ts';
import { type AlarmPlace, alarmArn, tagsOfAlarm } from './alarm-tags.ts';
import type { CalledResource } from './resource-arns.ts';

const ABOUT_ALARMS: ReadonlySet<string> = new Set([
  ...['PutMetricAlarm', 'DescribeAlarms', 'DeleteAlarms'],
  ...['ListTagsForResource', 'TagResource', 'UntagResource'],
]);

/** Points have no ARN; whoever names no alarm means any. */
export async function findAlarmResources(
  db: Queries,
  place: AlarmPlace,
  { action, input }: { action: string; input: unknown },
): Promise<CalledResource[]> {
  if (!ABOUT_ALARMS.has(action)) return [{ arn: '*' }];
  const arns = new Set(namedArns(place, input));
  if (arns.size === 0) return [{ arn: alarmArn('*', place) }];
  const rows = await listAlarms(db, place.accountId);
  const tags = new Map(rows.map((row) => [alarmArn(row.name, place), tagsOfAlarm(row)]));
  return [...arns].map((arn) => ({ arn, tags: tags.get(arn) ?? [] }));
}

function namedArns(place: AlarmPlace, input: unknown): string[] {
  const { ResourceARN, AlarmName, AlarmNames } = Object(input) as {
    ResourceARN?: string;
    AlarmName?: string;
    AlarmNames?: readonly string[];
  };
  const names = [...(AlarmName === undefined ? [] : [AlarmName]), ...(AlarmNames ?? [])];
  const arns = names.map((name) => alarmArn(name, place));
  return ResourceARN === undefined ? arns : [ResourceARN, ...arns];
}
