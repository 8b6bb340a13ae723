// Owns DeleteSnapshot.

import { changeFor } from '../app/change.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { removeSnapshot } from '../app/snapshots.ts';
import type { Ec2Handler } from './handler.ts';

export const deleteSnapshot: Ec2Handler<'DeleteSnapshot'> = async (app, context, input) => {
  const id = parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId');
  await changeFor(app, context, (change) => removeSnapshot(context, change, id));
  return {};
};
