// Owns ResetEbsDefaultKmsKeyId: back to the key that every account has from its beginning.

import { changeFor } from '../app/change.ts';
import { DEFAULT_KEY_ALIAS } from '../app/encryption.ts';
import { changeEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const resetEbsDefaultKmsKeyId: Ec2Handler<'ResetEbsDefaultKmsKeyId'> = (app, context) =>
  changeFor(app, context, async ({ tx }) => {
    await changeEbsSettings(tx, context.accountId, { kmsKey: null });
    return { KmsKeyId: DEFAULT_KEY_ALIAS };
  });
