// Owns object lock: what keeps a version from being deleted, and who may loosen it.
// Source: AWS, "Object Lock considerations".

import { ServiceError } from '@ironbark/core/errors.ts';
import type { ObjectLockConfiguration } from '@ironbark/protocol/s3/object-lock.ts';
import type { Bucket } from './bucket-settings.ts';
import { readSetting } from './bucket-settings.ts';
import type { ObjectLock, ObjectVersion, Retention } from './object-version.ts';

const DAY_MS = 24 * 3_600_000;
const DAYS_A_YEAR = 365;

export interface LockContext {
  nowMs: number;
  bypassesGovernance: boolean;
}

/** Throws unless the version may be deleted. */
export function requireUnlocked(
  { lock, isDeleteMarker }: Pick<ObjectVersion, 'lock' | 'isDeleteMarker'>,
  { nowMs, bypassesGovernance }: LockContext,
): void {
  if (isDeleteMarker) return;
  const { retention, hasLegalHold } = lock;
  const isRetained = retention !== undefined && retention.untilMs > nowMs;
  const isHeld = isRetained && !(retention.mode === 'GOVERNANCE' && bypassesGovernance);
  if (!hasLegalHold && !isHeld) return;
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'object-lock',
    message: `Access Denied because object protected by object lock${hasLegalHold ? ' (legal hold)' : ''}.`,
  });
}

/** A retention may always be made longer; anything else takes the right to override governance. */
export function requireRetentionChange(
  before: Retention | undefined,
  after: Retention | undefined,
  { nowMs, bypassesGovernance }: LockContext,
): void {
  if (before === undefined || before.untilMs <= nowMs) return;
  const isLonger =
    after !== undefined && after.mode === before.mode && after.untilMs >= before.untilMs;
  if (isLonger) return;
  if (before.mode === 'GOVERNANCE' && bypassesGovernance) return;
  throw new ServiceError({
    kind: 'not-authorized',
    resource: 'object-lock',
    message: 'Access Denied because object protected by object lock.',
  });
}

export function findLockConfiguration(bucket: Bucket): ObjectLockConfiguration | undefined {
  return readSetting<ObjectLockConfiguration>(bucket, 'object-lock');
}

export function requireLockEnabled(bucket: Bucket): ObjectLockConfiguration {
  const configuration = findLockConfiguration(bucket);
  if (configuration !== undefined) return configuration;
  throw new ServiceError({
    kind: 'missing-parameter',
    resource: 'object-lock',
    message: 'Bucket is missing Object Lock Configuration',
  });
}

/** What a new object gets: what was asked for, else the bucket's own rule. */
export function chooseLock(bucket: Bucket, asked: ObjectLock, nowMs: number): ObjectLock {
  if (asked.retention !== undefined || asked.hasLegalHold) requireLockEnabled(bucket);
  const rule = findLockConfiguration(bucket)?.rule;
  if (asked.retention !== undefined || rule === undefined) return asked;
  const days = rule.days ?? (rule.years ?? 0) * DAYS_A_YEAR;
  const retention: Retention = { mode: rule.mode, untilMs: nowMs + days * DAY_MS };
  return { ...asked, retention };
}
