// Owns the encryption of a backup under a passphrase: scrypt for the key, AES-256-GCM in pieces. Each piece is bound to
// its place and to being the last or not, so that none can be left out, moved or cut off unnoticed.

import { createCipheriv, createDecipheriv, type ScryptOptions, scrypt } from 'node:crypto';
import { promisify } from 'node:util';

export const CIPHER_MAGIC = 'ironbark-backup-encrypted/1\n';
export const SALT_BYTES = 16;
export const CIPHER_HEAD_BYTES = 5;
export const TAG_BYTES = 16;
export const CIPHER_PIECE_BYTES = 1024 * 1024;

/** About half a second and 128 MiB for each guess (RFC 7914, section 2, with N = 2^17). */
const COST: ScryptOptions = { N: 2 ** 17, r: 8, p: 1, maxmem: 256 * 1024 * 1024 };
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const derive = promisify<string, Buffer, number, ScryptOptions, Buffer>(scrypt);

export function deriveKey(passphrase: string, salt: Buffer): Promise<Buffer> {
  return derive(passphrase, salt, KEY_BYTES, COST);
}

/** The salt makes each key the key of one file, so counting is enough for nonces. */
function nonceOf(index: number): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeBigUInt64BE(BigInt(index), NONCE_BYTES - 8);
  return nonce;
}

/** A head (last or not, length), the encrypted bytes, and their tag. */
export function encryptPiece(key: Buffer, index: number, bytes: Buffer, isLast: boolean): Buffer {
  const head = Buffer.alloc(CIPHER_HEAD_BYTES);
  head.writeUInt8(isLast ? 1 : 0, 0);
  head.writeUInt32BE(bytes.length, 1);
  const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index));
  cipher.setAAD(head);
  return Buffer.concat([head, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** Undefined when it is not what was encrypted, or the key is another one. */
export function decryptPiece(
  key: Buffer,
  index: number,
  { head, bytes, tag }: { head: Buffer; bytes: Buffer; tag: Buffer },
): Buffer | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonceOf(index));
  decipher.setAAD(head);
  decipher.setAuthTag(tag);
  try {
    return Buffer.concat([decipher.update(bytes), decipher.final()]);
  } catch {
    return undefined;
  }
}
