// Owns EnableImageBlockPublicAccess: no image of the account is shared with everybody from now on; those that are stay so.

import { changeFor } from '../app/change.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const enableImageBlockPublicAccess: Ec2Handler<'EnableImageBlockPublicAccess'> = (
  app,
  context,
) =>
  changeFor(app, context, async ({ tx }) => {
    const imageSharing = 'block-new-sharing';
    await changeEbsSettings(tx, context.accountId, { imageSharing });
    return { ImageBlockPublicAccessState: imageSharing };
  });
