// Owns UnlockSnapshot.

import { changeFor } from '../app/change.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { NO_LOCK, requireUnlockable } from '../app/snapshot-lock.ts';
import { getOwnSnapshot } from '../app/snapshots.ts';
import { updateSnapshot } from '../store/snapshots.ts';
import type { Ec2Handler } from './handler.ts';

export const unlockSnapshot: Ec2Handler<'UnlockSnapshot'> = async (app, context, input) => {
  const id = parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId');
  await changeFor(app, context, async ({ tx, nowMs }) => {
    requireUnlockable(await getOwnSnapshot(tx, context, id), nowMs);
    await updateSnapshot(tx, id, NO_LOCK);
  });
  return { SnapshotId: id };
};
