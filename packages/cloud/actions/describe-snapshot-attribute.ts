// Owns DescribeSnapshotAttribute.

import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { getOwnSnapshot } from '../app/snapshots.ts';
import { EVERYBODY, listGrantees } from '../store/snapshot-permissions.ts';
import type { Ec2Handler } from './handler.ts';

export const describeSnapshotAttribute: Ec2Handler<'DescribeSnapshotAttribute'> = async (
  app,
  context,
  input,
) => {
  const db = app.store.query;
  const { id } = await getOwnSnapshot(
    db,
    context,
    parseId(SNAPSHOT, input.SnapshotId, 'SnapshotId'),
  );
  // There is no marketplace here, so nothing has a product code.
  if (input.Attribute === 'productCodes') return { SnapshotId: id, ProductCodes: [] };
  const grantees = await listGrantees(db, id);
  return {
    SnapshotId: id,
    CreateVolumePermissions: grantees.map((grantee) =>
      grantee === EVERYBODY ? { Group: EVERYBODY } : { UserId: grantee },
    ),
  };
};
