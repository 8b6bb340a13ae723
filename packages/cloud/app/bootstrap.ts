// Owns the first start: the account, its root key and the default network.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { findFirstAccount, insertAccount } from '../store/accounts.ts';
import type { Store } from '../store/store.ts';
import { issueKey, rootOwner } from './access-keys.ts';
import { insertDefaultNetwork, type NetworkOptions } from './default-network.ts';

export interface BootstrapOptions extends NetworkOptions {
  nowMs: number;
  accountId?: AccountId;
}

/** What the first account is called. */
export const FIRST_ACCOUNT_NAME = 'main';

/** Makes what is missing and answers the account. Doing it again changes nothing. */
export function ensureAccount(store: Store, options: BootstrapOptions): Promise<AccountId> {
  return store.transaction(async (tx) => {
    const existing = await findFirstAccount(tx);
    if (existing !== undefined) return requireSame(existing.id, options.accountId);
    const id = options.accountId ?? newAccountId(options.random);
    await insertAccount(tx, { id, name: FIRST_ACCOUNT_NAME, createdAt: options.nowMs });
    await issueKey(tx, rootOwner(id), options);
    await insertDefaultNetwork(tx, id, options);
    return id;
  });
}

function requireSame(existing: AccountId, asked: AccountId | undefined): AccountId {
  if (asked === undefined || asked === existing) return existing;
  throw new Error(`this data folder belongs to account ${existing}, not to ${asked}`);
}

/** Twelve digits, the first not 0: some tools read an account as a number. */
export function newAccountId(random: RandomSource): AccountId {
  const digits = (random.bytes(8).readBigUInt64BE() % 900_000_000_000n) + 100_000_000_000n;
  return String(digits);
}
