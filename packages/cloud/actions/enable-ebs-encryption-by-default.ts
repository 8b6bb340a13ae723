// Owns EnableEbsEncryptionByDefault, of the calling account. Volumes that are there stay as they are.

import { changeFor } from '../app/change.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const enableEbsEncryptionByDefault: Ec2Handler<'EnableEbsEncryptionByDefault'> = (
  app,
  context,
) =>
  changeFor(app, context, async ({ tx }) => {
    await changeEbsSettings(tx, context.accountId, { encryptByDefault: 1 });
    return { EbsEncryptionByDefault: true };
  });
