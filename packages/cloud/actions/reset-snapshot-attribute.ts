// Owns ResetSnapshotAttribute: nobody but its owner may make volumes from the snapshot any more.

import { changeFor } from '../app/change.ts';
import { notOffered } from '../app/refusals.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { getOwnSnapshot } from '../app/snapshots.ts';
import { removeGrantees } from '../store/snapshot-permissions.ts';
import type { Ec2Handler } from './handler.ts';

export const resetSnapshotAttribute: Ec2Handler<'ResetSnapshotAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId');
  if (input.Attribute === 'productCodes') throw notOffered('A product code');
  await changeFor(app, context, async ({ tx }) => {
    await getOwnSnapshot(tx, context, id);
    await removeGrantees(tx, id);
  });
  return {};
};
