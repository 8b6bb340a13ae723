// Owns locks on snapshots: while one holds, nobody deletes the snapshot. Rules: EBS User Guide, "Amazon EBS snapshot lock".

import type { SnapshotRow } from '../store/schema.ts';
import { invalidCombination, invalidValue, missingParameter, refuse } from './refusals.ts';

export type LockState = 'compliance' | 'compliance-cooloff' | 'governance' | 'expired';
export type LockMode = NonNullable<SnapshotRow['lockMode']>;

export interface SnapshotLock {
  state: LockState;
  mode: LockMode;
  createdAt: number;
  durationDays: number | undefined;
  /** Absent while the snapshot is pending: the time counts from its completion on. */
  startsAt: number | undefined;
  expiresAt: number | undefined;
  coolOffHours: number | undefined;
  coolOffEndsAt: number | undefined;
}

const HOUR_MS = 60 * 60 * 1000;
const DAY_MS = 24 * HOUR_MS;
const MAX_COOL_OFF_HOURS = 72;
const MAX_DURATION_DAYS = 36_500;

type LockColumns = Pick<
  SnapshotRow,
  | 'lockMode'
  | 'lockCreatedAt'
  | 'lockCoolOffHours'
  | 'lockDurationDays'
  | 'lockExpiresAt'
  | 'completedAt'
>;

/** Undefined for a snapshot that was never locked, or was unlocked. */
export function viewLock(row: LockColumns, nowMs: number): SnapshotLock | undefined {
  const { lockMode: mode, lockCreatedAt: createdAt, completedAt } = row;
  if (mode === null || createdAt === null) return undefined;
  const startsAt = completedAt === null ? undefined : Math.max(createdAt, completedAt);
  const durationDays = row.lockDurationDays ?? undefined;
  const expiresAt =
    durationDays === undefined
      ? (row.lockExpiresAt ?? undefined)
      : startsAt === undefined
        ? undefined
        : startsAt + durationDays * DAY_MS;
  const coolOffHours = row.lockCoolOffHours ?? undefined;
  const coolOffEndsAt = coolOffHours === undefined ? undefined : createdAt + coolOffHours * HOUR_MS;
  const isExpired = expiresAt !== undefined && nowMs >= expiresAt;
  const isCooling = coolOffEndsAt !== undefined && nowMs < coolOffEndsAt;
  const state = isExpired ? 'expired' : isCooling ? 'compliance-cooloff' : mode;
  return { state, mode, createdAt, durationDays, startsAt, expiresAt, coolOffHours, coolOffEndsAt };
}

export function requireUnlocked(row: SnapshotRow, nowMs: number): void {
  const lock = viewLock(row, nowMs);
  if (lock === undefined || lock.state === 'expired') return;
  throw refuse(
    'operation-not-permitted',
    'snapshot',
    `The snapshot '${row.id}' is locked in ${lock.mode} mode${until(lock)} and can't be deleted.`,
  );
}

function until({ expiresAt }: SnapshotLock): string {
  return expiresAt === undefined ? '' : ` until ${new Date(expiresAt).toISOString()}`;
}

export interface LockWish {
  mode: LockMode;
  coolOffHours: number | undefined;
  durationDays: number | undefined;
  expiresAt: number | undefined;
}

/** The columns of the lock that is asked for, or of its change. */
export function planLock(row: SnapshotRow, wish: LockWish, nowMs: number) {
  checkWish(wish, nowMs);
  const before = viewLock(row, nowMs);
  const isBinding = before?.state === 'compliance';
  // The mode, and the time it counts from, stay those of the first lock once that binds.
  const columns = {
    lockMode: wish.mode,
    lockCreatedAt: isBinding ? before.createdAt : nowMs,
    lockCoolOffHours: isBinding ? (before.coolOffHours ?? null) : (wish.coolOffHours ?? null),
    lockDurationDays: wish.durationDays ?? null,
    lockExpiresAt: wish.expiresAt ?? null,
  };
  if (isBinding) requireExtension(row, before, { ...row, ...columns }, wish, nowMs);
  return columns;
}

function checkWish({ mode, coolOffHours, durationDays, expiresAt }: LockWish, nowMs: number): void {
  if ((durationDays === undefined) === (expiresAt === undefined)) {
    if (durationDays === undefined) throw missingParameter('LockDuration/ExpirationDate');
    throw invalidCombination('Give LockDuration or ExpirationDate, not both.');
  }
  requireRange('LockDuration', durationDays, MAX_DURATION_DAYS);
  requireRange('CoolOffPeriod', coolOffHours, MAX_COOL_OFF_HOURS);
  if (mode === 'governance' && coolOffHours !== undefined) {
    throw invalidCombination('CoolOffPeriod is for compliance mode only.');
  }
  if (expiresAt === undefined) return;
  if (expiresAt <= nowMs || expiresAt > nowMs + MAX_DURATION_DAYS * DAY_MS) {
    const expected = `It has to be in the future, by ${MAX_DURATION_DAYS} days at most.`;
    throw invalidValue('ExpirationDate', new Date(expiresAt).toISOString(), expected);
  }
}

function requireRange(name: string, value: number | undefined, max: number): void {
  if (value === undefined || (value >= 1 && value <= max)) return;
  throw invalidValue(name, value, `It is 1 to ${max}.`);
}

/** What binds can only be made to last longer. */
function requireExtension(
  row: SnapshotRow,
  before: SnapshotLock,
  after: LockColumns,
  wish: LockWish,
  nowMs: number,
): void {
  const lasts = viewLock(after, nowMs)!;
  const isLonger =
    before.expiresAt === undefined || lasts.expiresAt === undefined
      ? (lasts.durationDays ?? 0) >= (before.durationDays ?? 0) && lasts.expiresAt === undefined
      : lasts.expiresAt >= before.expiresAt;
  if (wish.mode === 'compliance' && wish.coolOffHours === undefined && isLonger) return;
  throw refuse(
    'operation-not-permitted',
    'snapshot',
    `The snapshot '${row.id}' is locked in compliance mode; its lock can only be extended.`,
  );
}

export const NO_LOCK = {
  lockMode: null,
  lockCreatedAt: null,
  lockCoolOffHours: null,
  lockDurationDays: null,
  lockExpiresAt: null,
} as const;

export function requireUnlockable(row: SnapshotRow, nowMs: number): void {
  const lock = viewLock(row, nowMs);
  if (lock === undefined) {
    throw refuse('incorrect-state', 'snapshot', `The snapshot '${row.id}' is not locked.`);
  }
  if (lock.state !== 'compliance') return;
  throw refuse(
    'operation-not-permitted',
    'snapshot',
    `The snapshot '${row.id}' is locked in compliance mode${until(lock)}; its cooling-off period is over.`,
  );
}
