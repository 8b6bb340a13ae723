// Owns EnableSnapshotBlockPublicAccess: no snapshot of the account is shared with everybody from now on, and if all is blocked, nobody
// has those that are.

import { changeFor } from '../app/change.ts';
import { invalidValue } from '../app/refusals.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const enableSnapshotBlockPublicAccess: Ec2Handler<'EnableSnapshotBlockPublicAccess'> = (
  app,
  context,
  input,
) =>
  changeFor(app, context, async ({ tx }) => {
    const { State: snapshotSharing } = input;
    if (snapshotSharing === 'unblocked') {
      throw invalidValue(
        'State',
        snapshotSharing,
        "It is 'block-all-sharing' or 'block-new-sharing'.",
      );
    }
    await changeEbsSettings(tx, context.accountId, { snapshotSharing });
    return { State: snapshotSharing };
  });
