// Owns GetEbsEncryptionByDefault: no volume is encrypted here, so none is by default.

import type { Ec2Handler } from './handler.ts';

export const getEbsEncryptionByDefault: Ec2Handler<'GetEbsEncryptionByDefault'> = async () => ({
  EbsEncryptionByDefault: false,
});
