// Owns GetImageBlockPublicAccessState: whether the account’s images may be shared with everybody.

import { getEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const getImageBlockPublicAccessState: Ec2Handler<'GetImageBlockPublicAccessState'> = async (
  app,
  { accountId },
) => {
  const { imageSharing } = await getEbsSettings(app.store.query, accountId);
  return { ImageBlockPublicAccessState: imageSharing, ManagedBy: 'account' };
};
