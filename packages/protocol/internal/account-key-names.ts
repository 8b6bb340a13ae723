// Owns the names of the keys that an account has with the cloud: one for each service, as AWS makes them.

import { createHash } from 'node:crypto';
import type { AccountId } from '@ironbark/core/ids.ts';

export interface AccountKeyPlace {
  region: string;
  accountId: AccountId;
  /** `alias/aws/ebs`, `alias/aws/s3`. */
  alias: string;
}

/** It follows from the account, so that it is the same after a restore. */
export function accountKeyArn(place: AccountKeyPlace): string {
  return `arn:aws:kms:${place.region}:${place.accountId}:key/${accountKeyId(place)}`;
}

/** In the form of a UUID of version 8 (RFC 9562): made by a rule of our own. */
function accountKeyId({ region, accountId, alias }: AccountKeyPlace): string {
  const hex = createHash('sha256').update(`${alias} ${region} ${accountId}`).digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return [...parts, hex.slice(20, 32)].join('-');
}

/** True for every form in which AWS takes this key. */
export function namesAccountKey(place: AccountKeyPlace, name: string): boolean {
  const { region, accountId, alias } = place;
  const aliasArn = `arn:aws:kms:${region}:${accountId}:${alias}`;
  return [alias, aliasArn, accountKeyArn(place), accountKeyId(place)].includes(name);
}
