// Owns which volumes and snapshots are encrypted, and with which key: each account has one, `alias/aws/ebs`.
//
// What a caller wants, the account's default and the snapshot that a volume starts with only ever add encryption:
// nothing takes it away ("Amazon EBS encryption", EBS User Guide).

import type { AccountId } from '@ironbark/core/ids.ts';
import {
  type AccountKeyPlace,
  accountKeyArn,
  namesAccountKey,
} from '@ironbark/protocol/internal/account-key-names.ts';
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

function placeOf({ region }: KeyPlace, accountId: AccountId): AccountKeyPlace {
  return { region, accountId, alias: DEFAULT_KEY_ALIAS };
}

/** Of the account's one key. */
function keyArnOf(app: KeyPlace, accountId: AccountId): string {
  return accountKeyArn(placeOf(app, accountId));
}

/** Every form in which AWS takes a key. Throws for any key but the account's own. */
export function parseKey(app: KeyPlace, accountId: AccountId, name: string): string {
  const place = placeOf(app, accountId);
  if (namesAccountKey(place, name)) return accountKeyArn(place);
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
