// Owns what an encrypted volume's one key becomes: the passphrase that its daemon gets and the key of its bytes.

import type { VolumeSeal } from '@ironbark/protocol/internal/block-target.ts';
import { XTS_KEY_BYTES } from './aes-xts.ts';
import { deriveKey } from './derived-key.ts';
import type { LuksKeys } from './luks-header.ts';

export const VOLUME_KEY_BYTES = 32;

export function luksKeysOf(volumeKey: Buffer): LuksKeys {
  if (volumeKey.length !== VOLUME_KEY_BYTES) throw new Error('a volume key has another length');
  const passphrase = deriveKey(volumeKey, 'ironbark volume passphrase/1', VOLUME_KEY_BYTES);
  return {
    passphrase: passphrase.toString('base64'),
    payloadKey: deriveKey(volumeKey, 'ironbark volume payload/1', XTS_KEY_BYTES),
  };
}

export function luksKeysOfSeal({ key }: VolumeSeal): LuksKeys {
  return luksKeysOf(Buffer.from(key, 'base64'));
}
