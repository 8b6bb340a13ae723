// Owns GetEbsEncryptionByDefault: whether the account’s new volumes are encrypted whatever is asked.

import { getEbsSettings } from '../store/ebs-settings.ts';
import type { Ec2Handler } from './handler.ts';

export const getEbsEncryptionByDefault: Ec2Handler<'GetEbsEncryptionByDefault'> = async (
  app,
  { accountId },
) => {
  const { encryptByDefault } = await getEbsSettings(app.store.query, accountId);
  return { EbsEncryptionByDefault: encryptByDefault === 1 };
};
