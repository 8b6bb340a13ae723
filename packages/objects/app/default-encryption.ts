// Owns what is done with objects whose writer asks for no encryption, and the name of an account's key.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import { accountKeyArn, namesAccountKey } from '@ironbark/protocol/internal/account-key-names.ts';
import type { BucketEncryption } from '@ironbark/protocol/s3/bucket-encryption.ts';
import { type Bucket, readSetting } from './bucket-settings.ts';
import type { ObjectsContext } from './context.ts';
import type { EncryptionWish } from './encryption.ts';

const KEY_ALIAS = 'alias/aws/s3';

/** What is set on the bucket. */
export function defaultWish(context: ObjectsContext, bucket: Bucket): EncryptionWish | undefined {
  const setting = readSetting<BucketEncryption>(bucket, 'encryption');
  if (setting === undefined) return undefined;
  const { algorithm: mode, kmsKeyId } = setting;
  if (mode === 'AES256') return { mode };
  return { mode, keyArn: requireKey(context, bucket.account_id, kmsKeyId) };
}

/** There is one key: the account's own. */
export function requireKey(
  { region }: Pick<ObjectsContext, 'region'>,
  accountId: AccountId,
  name: string | undefined,
): string {
  const place = { region, accountId, alias: KEY_ALIAS };
  if (name === undefined || namesAccountKey(place, name)) return accountKeyArn(place);
  throw new ServiceError({
    kind: 'not-found',
    resource: 'encryption',
    message: `Invalid keyId ${name.slice(0, 128)}: an account of this cloud has one key, ${KEY_ALIAS}.`,
  });
}
