// Owns DisableEbsEncryptionByDefault: it is off, and cannot be turned on.

import type { Ec2Handler } from './handler.ts';

export const disableEbsEncryptionByDefault: Ec2Handler<
  'DisableEbsEncryptionByDefault'
> = async () => ({
  EbsEncryptionByDefault: false,
});
