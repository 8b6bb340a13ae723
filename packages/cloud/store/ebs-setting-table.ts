// Owns the table of what accounts have set for their volumes.

import type { AccountId } from '@ironbark/core/ids.ts';

export interface EbsSettingTable {
  accountId: AccountId;
  encryptByDefault: 0 | 1;
  /** As the account named it; null: the default. */
  kmsKey: string | null;
}
