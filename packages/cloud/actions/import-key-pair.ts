// Owns ImportKeyPair.

import { changeFor } from '../app/change.ts';
import { checkKeyName, keepKeyPair } from '../app/key-pairs.ts';
import { missingParameter } from '../app/refusals.ts';
import { parsePublicKey } from '../app/ssh-keys.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';

export const importKeyPair: Ec2Handler<'ImportKeyPair'> = async (app, context, input) => {
  const name = checkKeyName(input.KeyName);
  if (input.PublicKeyMaterial.length === 0) throw missingParameter('PublicKeyMaterial');
  const key = parsePublicKey(input.PublicKeyMaterial);
  const { 'key-pair': tags } = parseTagSpecifications(input.TagSpecifications, ['key-pair']);
  const row = await changeFor(app, context, (change) =>
    keepKeyPair(app, context, change, { name, key, tags }),
  );
  return {
    KeyPairId: row.id,
    KeyName: row.name,
    KeyFingerprint: row.fingerprint,
    ...tagsOf(tags),
  };
};
