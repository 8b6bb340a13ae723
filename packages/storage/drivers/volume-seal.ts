// Owns what an encrypted volume's one key becomes: the passphrase that its daemon gets and the key of its bytes.

import { hkdfSync } from 'node:crypto';
import type { VolumeSeal } from '@ironbark/protocol/internal/block-target.ts';
import { XTS_KEY_BYTES } from './aes-xts.ts';
import type { LuksKeys } from './luks-header.ts';

export const VOLUME_KEY_BYTES = 32;

export function luksKeysOf(volumeKey: Buffer): LuksKeys {
  if (volumeKey.length !== VOLUME_KEY_BYTES) throw new Error('a volume key has another length');
  const derive = (info: string, length: number) =>
    Buffer.from(hkdfSync('sha256', volumeKey, '', info, length));
  return {
    passphrase: derive('ironbark volume passphrase/1', VOLUME_KEY_BYTES).toString('base64'),
    payloadKey: derive('ironbark volume payload/1', XTS_KEY_BYTES),
  };
}

export function luksKeysOfSeal({ key }: VolumeSeal): LuksKeys {
  return luksKeysOf(Buffer.from(key, 'base64'));
}
