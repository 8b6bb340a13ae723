// Owns how access keys are made. Every secret comes from random bytes; there is no default one.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { UserId, UserTable } from '../store/account-schema.ts';
import { type AccessKeyRow, insertAccessKey } from '../store/accounts.ts';
import type { Queries } from '../store/store.ts';

/** Whose key it is to be. */
export type KeyOwner = Pick<AccessKeyRow, 'accountId' | 'arn' | 'userId' | 'isRoot'>;

export function rootOwner(accountId: AccountId): KeyOwner {
  return { accountId, arn: `arn:aws:iam::${accountId}:root`, userId: accountId, isRoot: 1 };
}

export function userOwner({ accountId, arn, id }: UserTable): KeyOwner {
  return { accountId, arn, userId: id, isRoot: 0 };
}

/** The only time that the secret is shown to anybody but the signature's check. */
export async function issueKey(
  tx: Queries,
  owner: KeyOwner,
  { random, nowMs }: { random: RandomSource; nowMs: number },
): Promise<AccessKeyRow> {
  const row: AccessKeyRow = {
    ...owner,
    id: `AKIA${randomBase32(random, KEY_ID_CHARACTERS)}`,
    secret: random.bytes(SECRET_BYTES).toString('base64'),
    status: 'active',
    createdAt: nowMs,
  };
  await insertAccessKey(tx, row);
  return row;
}

export function newUserId(random: RandomSource): UserId {
  return `AIDA${randomBase32(random, UNIQUE_ID_CHARACTERS)}`;
}

/** "Unique identifier prefixes": IAM User Guide. */
export function newUniqueId(
  random: RandomSource,
  prefix: 'AGPA' | 'AROA' | 'ANPA' | 'AIPA',
): string {
  return `${prefix}${randomBase32(random, UNIQUE_ID_CHARACTERS)}`;
}

/** Of temporary credentials; the token is what makes them good. */
export function newSessionKey(random: RandomSource): { id: string; secret: string; token: string } {
  return {
    id: `ASIA${randomBase32(random, KEY_ID_CHARACTERS)}`,
    secret: random.bytes(SECRET_BYTES).toString('base64'),
    token: random.bytes(TOKEN_BYTES).toString('base64'),
  };
}

/** AWS's lengths: 20 characters and 40. */
const KEY_ID_CHARACTERS = 16;
const SECRET_BYTES = 30;
const UNIQUE_ID_CHARACTERS = 17;
const TOKEN_BYTES = 96;
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

function randomBase32(random: RandomSource, length: number): string {
  return Array.from(random.bytes(length), (byte) => BASE32[byte % BASE32.length]).join('');
}
