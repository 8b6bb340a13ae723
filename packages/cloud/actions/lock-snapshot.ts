// Owns LockSnapshot.

import { changeFor } from '../app/change.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { planLock, viewLock } from '../app/snapshot-lock.ts';
import { getOwnSnapshot } from '../app/snapshots.ts';
import { updateSnapshot } from '../store/snapshots.ts';
import type { Ec2Handler } from './handler.ts';
import { renderLock } from './render-lock.ts';

export const lockSnapshot: Ec2Handler<'LockSnapshot'> = async (app, context, input) => {
  const id = parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId');
  const wish = {
    mode: input.LockMode,
    coolOffHours: input.CoolOffPeriod,
    durationDays: input.LockDuration,
    expiresAt: input.ExpirationDate?.getTime(),
  };
  return changeFor(app, context, async ({ tx, nowMs }) => {
    const row = await getOwnSnapshot(tx, context, id);
    const columns = planLock(row, wish, nowMs);
    await updateSnapshot(tx, id, columns);
    return { SnapshotId: id, ...renderLock(viewLock({ ...row, ...columns }, nowMs)!) };
  });
};
