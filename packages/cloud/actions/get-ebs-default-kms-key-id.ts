// Owns GetEbsDefaultKmsKeyId: the key that the account’s volumes are encrypted with.

import { DEFAULT_KEY_ALIAS } from '../app/encryption.ts';
import { getEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const getEbsDefaultKmsKeyId: Ec2Handler<'GetEbsDefaultKmsKeyId'> = async (
  app,
  { accountId },
) => {
  const { kmsKey } = await getEbsSettings(app.store.query, accountId);
  return { KmsKeyId: kmsKey ?? DEFAULT_KEY_ALIAS };
};
