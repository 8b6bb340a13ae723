// Owns DisableImageBlockPublicAccess: the account’s images may be shared with everybody.

import { changeFor } from '../app/change.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const disableImageBlockPublicAccess: Ec2Handler<'DisableImageBlockPublicAccess'> = (
  app,
  context,
) =>
  changeFor(app, context, async ({ tx }) => {
    await changeEbsSettings(tx, context.accountId, { imageSharing: 'unblocked' });
    return { ImageBlockPublicAccessState: 'unblocked' };
  });
