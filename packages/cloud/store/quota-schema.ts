// Owns the tables of quotas as types.

import type { AccountId } from '@ironbark/core/ids.ts';

export interface QuotaTable {
  /** `''`: of every account that has no value of its own. */
  accountId: AccountId | '';
  /** As the catalogue has it. */
  code: string;
  value: number;
}

export interface AccountUseTable {
  accountId: AccountId;
  /** Of instances that run or are to run. */
  runningVcpus: number;
  /** Network interfaces, whoever's. */
  interfaces: number;
}
