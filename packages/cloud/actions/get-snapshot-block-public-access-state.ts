// Owns GetSnapshotBlockPublicAccessState: whether the account’s snapshots may be shared with everybody.

import { getEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const getSnapshotBlockPublicAccessState: Ec2Handler<
  'GetSnapshotBlockPublicAccessState'
> = async (app, { accountId }) => {
  const { snapshotSharing } = await getEbsSettings(app.store.query, accountId);
  return { State: snapshotSharing, ManagedBy: 'account' };
};
