// Owns CreateKeyPair: the private half is in the answer and nowhere else.

import { changeFor } from '../app/change.ts';
import { checkKeyName, keepKeyPair } from '../app/key-pairs.ts';
import { notOffered } from '../app/refusals.ts';
import { makeSshKey } from '../app/ssh-keys.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';

export const createKeyPair: Ec2Handler<'CreateKeyPair'> = async (app, context, input) => {
  const name = checkKeyName(input.KeyName);
  if (input.KeyFormat === 'ppk')
    throw notOffered('KeyFormat ppk', 'Use pem; puttygen converts it.');
  const { 'key-pair': tags } = parseTagSpecifications(input.TagSpecifications, ['key-pair']);
  const key = await makeSshKey(input.KeyType ?? 'rsa');
  const row = await changeFor(app, context, (change) =>
    keepKeyPair(app, context, change, { name, key, tags }),
  );
  return {
    KeyPairId: row.id,
    KeyName: row.name,
    KeyFingerprint: row.fingerprint,
    KeyMaterial: key.privateKey,
    ...tagsOf(tags),
  };
};
