// Owns ModifySnapshotAttribute: who else may make volumes from a snapshot.

import { changeFor } from '../app/change.ts';
import { requirePublicSharing } from '../app/public-sharing.ts';
import { notOffered } from '../app/refusals.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { changeGrantees, requireShareable } from '../app/snapshot-access.ts';
import { getOwnSnapshot } from '../app/snapshots.ts';
import type { Ec2Handler } from './handler.ts';
import { parsePermissions } from './parse-grantees.ts';

export const modifySnapshotAttribute: Ec2Handler<'ModifySnapshotAttribute'> = async (
  app,
  context,
  input,
) => {
  const id = parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId');
  if (input.Attribute === 'productCodes') throw notOffered('A product code');
  const wanted = parsePermissions({
    name: 'CreateVolumePermission',
    lists: input.CreateVolumePermission,
    operation: input.OperationType,
    userIds: input.UserIds ?? [],
    groups: input.GroupNames ?? [],
  });
  await changeFor(app, context, async ({ tx }) => {
    requireShareable(await getOwnSnapshot(tx, context, id), wanted);
    await requirePublicSharing(tx, context.accountId, { ...wanted, noun: 'snapshot' });
    await changeGrantees(tx, id, wanted);
  });
  return {};
};
