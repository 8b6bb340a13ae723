// Owns the form of a snapshot's blocks in the object store: plain ones, and those of encrypted volumes.
//
// An encrypted block is named by a keyed digest of its plain bytes, so that snapshots of one account still share
// blocks and nobody else can tell which bytes a name stands for. Its bytes are AES-256-GCM under a key of their own,
// from the account's key and a random salt before them: the same plain bytes may be packed in several ways, and no two
// of those may meet the same key and nonce.

import { createCipheriv, createDecipheriv, createHmac, timingSafeEqual } from 'node:crypto';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { deriveKey } from '../drivers/derived-key.ts';
import { digestOf } from './chunk-codec.ts';

export interface BlockFace {
  scope: string;
  /** As `identify` named it. */
  name: string;
  encoding: 'raw' | 'zstd';
}

export interface BlockForm {
  /** What an object has more than its packed bytes. */
  readonly overheadBytes: number;
  /** 64 hexadecimal digits. */
  identify(plain: Uint8Array): string;
  seal(face: BlockFace, packed: Buffer): Buffer;
  /** Undefined when it is not what was sealed. */
  open(face: BlockFace, stored: Buffer): Buffer | undefined;
}

export const PLAIN_BLOCKS: BlockForm = {
  overheadBytes: 0,
  identify: digestOf,
  seal: (_face, packed) => packed,
  open: (_face, stored) => stored,
};

const CIPHER = 'aes-256-gcm';
const KEY_BYTES = 32;
const SALT_BYTES = 32;
const TAG_BYTES = 16;
/** Each key is used once. */
const NONCE = Buffer.alloc(12);

export function sealedBlocks(accountKey: Buffer, random: RandomSource): BlockForm {
  const names = deriveKey(accountKey, 'ironbark block names/1', KEY_BYTES);
  const bytes = deriveKey(accountKey, 'ironbark block bytes/1', KEY_BYTES);
  return {
    overheadBytes: SALT_BYTES + TAG_BYTES,
    identify: (plain) => createHmac('sha256', names).update(plain).digest('hex'),
    seal: (face, packed) => {
      const salt = random.bytes(SALT_BYTES);
      const cipher = createCipheriv(CIPHER, keyOf(bytes, salt), NONCE).setAAD(renderFace(face));
      const body = [cipher.update(packed), cipher.final()];
      return Buffer.concat([salt, ...body, cipher.getAuthTag()]);
    },
    open: (face, stored) => openBlock(bytes, face, stored),
  };
}

function openBlock(outer: Buffer, face: BlockFace, stored: Buffer): Buffer | undefined {
  const end = stored.length - TAG_BYTES;
  if (end < SALT_BYTES) return undefined;
  const key = keyOf(outer, stored.subarray(0, SALT_BYTES));
  const decipher = createDecipheriv(CIPHER, key, NONCE).setAAD(renderFace(face));
  decipher.setAuthTag(stored.subarray(end));
  try {
    return Buffer.concat([decipher.update(stored.subarray(SALT_BYTES, end)), decipher.final()]);
  } catch {
    return undefined;
  }
}

/** Over a manifest, which says which block is where: nobody without the key can put them in another order. */
export function macOf(accountKey: Buffer, text: string): string {
  const key = deriveKey(accountKey, 'ironbark manifest/1', KEY_BYTES);
  return createHmac('sha256', key).update(text).digest('hex');
}

export function isMacOf(accountKey: Buffer, text: string, mac: string): boolean {
  const expected = Buffer.from(macOf(accountKey, text));
  const given = Buffer.from(mac);
  return expected.length === given.length && timingSafeEqual(expected, given);
}

function keyOf(outer: Buffer, salt: Buffer): Buffer {
  return createHmac('sha256', outer).update(salt).digest();
}

function renderFace({ scope, name, encoding }: BlockFace): Buffer {
  return Buffer.from(`${scope} ${name} ${encoding}`);
}
