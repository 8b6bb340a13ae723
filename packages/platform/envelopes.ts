// Owns keys in envelopes: one key closed with another (AES-256-GCM), bound to what it is for.

import { createCipheriv, createDecipheriv } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { RandomSource } from './random.ts';

const CIPHER = 'aes-256-gcm';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

interface Wanted {
  purpose: string;
  key: Buffer;
  random: RandomSource;
}

export function closeWith(outer: Buffer, { purpose, key, random }: Wanted): string {
  const nonce = random.bytes(NONCE_BYTES);
  const cipher = createCipheriv(CIPHER, outer, nonce).setAAD(Buffer.from(purpose));
  const body = Buffer.concat([cipher.update(key), cipher.final()]);
  return Buffer.concat([nonce, body, cipher.getAuthTag()]).toString('base64url');
}

export function openWith(outer: Buffer, purpose: string, envelope: string): Buffer {
  const bytes = Buffer.from(envelope, 'base64url');
  const end = bytes.length - TAG_BYTES;
  const decipher = createDecipheriv(CIPHER, outer, bytes.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(purpose)).setAuthTag(bytes.subarray(end));
  try {
    return Buffer.concat([decipher.update(bytes.subarray(NONCE_BYTES, end)), decipher.final()]);
  } catch (error) {
    throw unavailable('A key is damaged, or belongs to something else', error);
  }
}

/** Not final: what cannot be opened today can be once the keyring is back. */
export function unavailable(message: string, cause?: unknown): ServiceError {
  const sentence = message.endsWith('.') ? message : `${message}.`;
  return new ServiceError({ kind: 'unavailable', resource: 'volume', message: sentence, cause });
}
