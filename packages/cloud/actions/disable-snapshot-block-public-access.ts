// Owns DisableSnapshotBlockPublicAccess: the account’s snapshots may be shared with everybody.

import { changeFor } from '../app/change.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const disableSnapshotBlockPublicAccess: Ec2Handler<'DisableSnapshotBlockPublicAccess'> = (
  app,
  context,
) =>
  changeFor(app, context, async ({ tx }) => {
    await changeEbsSettings(tx, context.accountId, { snapshotSharing: 'unblocked' });
    return { State: 'unblocked' };
  });
