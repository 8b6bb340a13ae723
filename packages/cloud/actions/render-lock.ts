// Owns EC2's shape of a snapshot's lock.

import type { LockedSnapshotsInfo } from '@aws-sdk/client-ec2';
import type { SnapshotLock } from '../app/snapshot-lock.ts';

export function renderLock(lock: SnapshotLock): LockedSnapshotsInfo {
  return {
    LockState: lock.state,
    LockDuration: lock.durationDays,
    CoolOffPeriod: lock.coolOffHours,
    CoolOffPeriodExpiresOn: toDate(lock.coolOffEndsAt),
    LockCreatedOn: toDate(lock.createdAt),
    LockDurationStartTime: toDate(lock.startsAt),
    LockExpiresOn: toDate(lock.expiresAt),
  };
}

function toDate(ms: number | undefined): Date | undefined {
  return ms === undefined ? undefined : new Date(ms);
}
