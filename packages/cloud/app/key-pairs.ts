// Owns the rules of key pairs: names, and that only a public half is kept.

import { newId } from '@ironbark/platform/random.ts';
import { findKeyPairNamed, insertKeyPair } from '../store/key-pairs.ts';
import type { KeyPairRow } from '../store/schema.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { invalidValue, missingParameter, refuse } from './refusals.ts';
import type { PublicKey } from './ssh-keys.ts';
import { setTags, type Tag } from './tags.ts';

/** EC2's limit: "Up to 255 ASCII characters". */
export function checkKeyName(name: string | undefined): string {
  if (name === undefined || name === '') throw missingParameter('KeyName');
  if (/^[\x20-\x7e]{1,255}$/.test(name) && name.trim() === name) return name;
  throw invalidValue('KeyName', name.slice(0, 300), 'It has 1 to 255 printable ASCII characters.');
}

export async function keepKeyPair(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  wanted: { name: string; key: PublicKey; tags: Tag[] },
): Promise<KeyPairRow> {
  const { name, key, tags } = wanted;
  if ((await findKeyPairNamed(tx, accountId, name)) !== undefined) {
    throw refuse('duplicate', 'key-pair', `The keypair '${name}' already exists.`);
  }
  await requireWithin(tx, accountId, QUOTAS.keyPairs);
  const row: KeyPairRow = {
    id: newId(app.random, 'key'),
    accountId,
    name,
    type: key.type,
    fingerprint: key.fingerprint,
    publicKey: key.openssh,
    createdAt: nowMs,
  };
  await insertKeyPair(tx, row);
  await setTags(tx, accountId, row.id, tags);
  return row;
}
