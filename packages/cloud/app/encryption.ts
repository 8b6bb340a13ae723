// Owns which volumes and snapshots are encrypted, and with which key: each account has one, `alias/aws/ebs`.
//
// What a caller wants, the account's default and the snapshot that a volume starts with only ever add encryption:
// nothing takes it away ("Amazon EBS encryption", EBS User Guide).

import { createHash } from 'node:crypto';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { StorageReport } from '@ironbark/protocol/internal/storage-client.ts';
import { getEbsSettings } from '../store/ebs-settings.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import { refuse } from './refusals.ts';

export const DEFAULT_KEY_ALIAS = 'alias/aws/ebs';

export interface EncryptionWish {
  encrypted?: boolean | undefined;
  kmsKeyId?: string | undefined;
}

type KeyPlace = Pick<App, 'region'>;

/** Of the account's one key. It follows from the account, so that it is the same after a restore. */
export function keyArnOf({ region }: KeyPlace, accountId: AccountId): string {
  return `arn:aws:kms:${region}:${accountId}:key/${keyIdOf(region, accountId)}`;
}

/** In the form of a UUID of version 8 (RFC 9562): made by a rule of our own. */
function keyIdOf(region: string, accountId: AccountId): string {
  const hex = createHash('sha256')
    .update(`${DEFAULT_KEY_ALIAS} ${region} ${accountId}`)
    .digest('hex');
  const parts = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
  ];
  return [...parts, hex.slice(20, 32)].join('-');
}

/** Every form in which AWS takes a key. Throws for any key but the account's own. */
export function parseKey(app: KeyPlace, accountId: AccountId, name: string): string {
  const arn = keyArnOf(app, accountId);
  const aliasArn = `arn:aws:kms:${app.region}:${accountId}:${DEFAULT_KEY_ALIAS}`;
  const known = [DEFAULT_KEY_ALIAS, aliasArn, arn, keyIdOf(app.region, accountId)];
  if (known.includes(name)) return arn;
  throw refuse(
    'incorrect-state',
    'encryption-key',
    `The KMS key provided is in an incorrect state. An account of this cloud has one key, ${DEFAULT_KEY_ALIAS}.`,
  );
}

export interface EncryptionChoice extends EncryptionWish {
  /** Of what the new one is made from. */
  isSourceEncrypted: boolean;
  storage?: StorageReport | undefined;
}

/** Whether something new is encrypted. */
export async function chooseEncryption(
  app: KeyPlace,
  tx: Queries,
  accountId: AccountId,
  { encrypted, kmsKeyId, isSourceEncrypted, storage }: EncryptionChoice,
): Promise<boolean> {
  const { encryptByDefault } = await getEbsSettings(tx, accountId);
  const result = encrypted === true || isSourceEncrypted || encryptByDefault === 1;
  if (kmsKeyId !== undefined) {
    if (!result || encrypted === false) throw keyWithoutEncryption();
    parseKey(app, accountId, kmsKeyId);
  }
  if (result && storage?.keyringProblem !== undefined) {
    throw refuse('unavailable', 'volume', storage.keyringProblem);
  }
  return result;
}

/** AWS's own sentence. */
function keyWithoutEncryption(): Error {
  const message = 'The parameter KmsKeyId requires the parameter Encrypted to be set.';
  return refuse('invalid-combination', 'encryption-key', message);
}

/** What Describe calls say of it. */
export function shownEncryption(
  app: KeyPlace,
  row: { accountId: AccountId; encrypted: 0 | 1 },
): { Encrypted: boolean; KmsKeyId?: string } {
  if (row.encrypted === 0) return { Encrypted: false };
  return { Encrypted: true, KmsKeyId: keyArnOf(app, row.accountId) };
}
