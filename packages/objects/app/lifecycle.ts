// Owns what a bucket's lifecycle asks for: which versions and uploads are to go, and when; pure.
// Source: AWS, "Managing the lifecycle of objects", with its rule that days are counted to the next midnight UTC.

import type { LifecycleRule } from '@ironbark/protocol/s3/lifecycle.ts';
import { type Bucket, readSetting } from './bucket-settings.ts';
import type { ObjectVersion } from './object-version.ts';

const DAY_MS = 24 * 3_600_000;

export function lifecycleOf(bucket: Bucket): readonly LifecycleRule[] {
  const rules = readSetting<LifecycleRule[]>(bucket, 'lifecycle') ?? [];
  return rules.filter((rule) => rule.isEnabled);
}

/** So many days after a moment, at the midnight that follows. */
export function dueAt(fromMs: number, days: number): number {
  return Math.ceil((fromMs + days * DAY_MS) / DAY_MS) * DAY_MS;
}

type Judged = Pick<ObjectVersion, 'key' | 'sizeBytes' | 'tags' | 'lastModifiedMs'>;

function isMeant({ filter }: LifecycleRule, { key, sizeBytes, tags }: Judged): boolean {
  const { prefix, tags: wanted, largerThanBytes, smallerThanBytes } = filter;
  const hasTag = (tag: LifecycleRule['filter']['tags'][number]) =>
    tags.some((one) => one.key === tag.key && one.value === tag.value);
  return (
    key.startsWith(prefix) &&
    wanted.every(hasTag) &&
    (largerThanBytes === undefined || sizeBytes > largerThanBytes) &&
    (smallerThanBytes === undefined || sizeBytes < smallerThanBytes)
  );
}

export interface Expiry {
  atMs: number;
  ruleId: string;
}

/** When the current version of a key expires: the earliest that any rule says. */
export function findExpiry(
  rules: readonly LifecycleRule[],
  version: Judged,
  nowMs: number,
): Expiry | undefined {
  const found = rules.flatMap((rule): Expiry[] => {
    const { days, dateMs } = rule.expiration ?? {};
    if (!isMeant(rule, version)) return [];
    if (days !== undefined) return [{ atMs: dueAt(version.lastModifiedMs, days), ruleId: rule.id }];
    return dateMs === undefined ? [] : [{ atMs: Math.max(dateMs, nowMs), ruleId: rule.id }];
  });
  return found.toSorted((left, right) => left.atMs - right.atMs)[0];
}

/** Told with an object that is going to expire. */
export function expirationHeader(
  bucket: Bucket,
  version: ObjectVersion,
  nowMs: number,
): Record<string, string> {
  const expiry = findExpiry(lifecycleOf(bucket), version, nowMs);
  if (expiry === undefined) return {};
  const date = new Date(expiry.atMs).toUTCString();
  const ruleId = encodeURIComponent(expiry.ruleId);
  return { 'x-amz-expiration': `expiry-date="${date}", rule-id="${ruleId}"` };
}

/** `expire`: as a deletion that names no version. `remove`: this version, for good. */
export interface LifecycleStep {
  kind: 'expire' | 'remove';
  version: ObjectVersion;
}

/**
 * What is due for one key. `versions` are all of it, the latest first. A version has been non-current since the one
 * above it was written.
 */
export function planKey(
  rules: readonly LifecycleRule[],
  versions: readonly ObjectVersion[],
  { nowMs, isVersioned }: { nowMs: number; isVersioned: boolean },
): LifecycleStep[] {
  const [latest, ...older] = versions;
  if (latest === undefined) return [];
  const steps: LifecycleStep[] = [];
  if (!latest.isDeleteMarker) {
    const isDue = rules.some((rule) => isExpired(rule, latest, nowMs));
    if (isDue) steps.push({ kind: isVersioned ? 'expire' : 'remove', version: latest });
  } else if (older.length === 0 && rules.some((rule) => isSpentMarker(rule, latest, nowMs))) {
    steps.push({ kind: 'remove', version: latest });
  }
  for (const [at, version] of older.entries()) {
    const since = versions[at]!.lastModifiedMs;
    const isDue = rules.some(
      (rule) =>
        rule.noncurrent !== undefined &&
        isMeant(rule, version) &&
        at >= (rule.noncurrent.keep ?? 0) &&
        dueAt(since, rule.noncurrent.days) <= nowMs,
    );
    if (isDue) steps.push({ kind: 'remove', version });
  }
  return steps;
}

function isExpired(rule: LifecycleRule, version: ObjectVersion, nowMs: number): boolean {
  const { days, dateMs } = rule.expiration ?? {};
  if (!isMeant(rule, version)) return false;
  if (days !== undefined) return dueAt(version.lastModifiedMs, days) <= nowMs;
  return dateMs !== undefined && dateMs <= nowMs;
}

/** A delete marker that hides nothing. Rules with days clear such markers away too. */
function isSpentMarker(rule: LifecycleRule, marker: ObjectVersion, nowMs: number): boolean {
  const { expiration, filter } = rule;
  if (expiration === undefined || filter.tags.length > 0 || !marker.key.startsWith(filter.prefix)) {
    return false;
  }
  if (expiration.deleteMarker !== undefined) return expiration.deleteMarker;
  return isExpired({ ...rule, filter: { prefix: filter.prefix, tags: [] } }, marker, nowMs);
}

/** Told with an upload that is going to be aborted: the earliest that any rule says. */
export function abortHeaders(
  bucket: Bucket,
  { key, initiatedAtMs }: { key: string; initiatedAtMs: number },
): Record<string, string> {
  const found = lifecycleOf(bucket).flatMap(({ id, filter, abortUploadsDays: days }): Expiry[] =>
    days === undefined || !key.startsWith(filter.prefix)
      ? []
      : [{ atMs: dueAt(initiatedAtMs, days), ruleId: id }],
  );
  const [first] = found.toSorted((left, right) => left.atMs - right.atMs);
  if (first === undefined) return {};
  return {
    'x-amz-abort-date': new Date(first.atMs).toUTCString(),
    'x-amz-abort-rule-id': encodeURIComponent(first.ruleId),
  };
}

export function isUploadDue(
  rules: readonly LifecycleRule[],
  upload: { key: string; initiatedAtMs: number },
  nowMs: number,
): boolean {
  return rules.some(
    ({ filter, abortUploadsDays }) =>
      abortUploadsDays !== undefined &&
      upload.key.startsWith(filter.prefix) &&
      dueAt(upload.initiatedAtMs, abortUploadsDays) <= nowMs,
  );
}
