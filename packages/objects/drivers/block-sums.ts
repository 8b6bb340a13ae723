// Owns the checks of a blob's blocks: what is kept of a block so that no other bytes pass for it, and in which form.
//
//   crc32   base64 of 4 bytes each; of blobs in an engine, and of files from before there was another
//   gmac    `g:` and base64 of 6 bytes each: the first of AES-GCM's tag over the block, with a key that is no secret
//
// Processors have instructions for both, but Node's CRC-32 of a MiB takes five times what OpenSSL's GMAC does.

import { createCipheriv, createSecretKey } from 'node:crypto';
import { crc32 } from 'node:zlib';

export type SumKind = 'crc32' | 'gmac';

export interface BlockSums {
  kind: SumKind;
  /** In the order of the blocks. */
  sums: readonly number[];
}

const BYTES: Readonly<Record<SumKind, number>> = { crc32: 4, gmac: 6 };
const GMAC_MARK = 'g:';
/** It finds what a disk does to bytes; whoever can change the bytes on purpose can change their sums as well. */
const KEY = createSecretKey(Buffer.alloc(16, 'ironbark'));
const NONCE = Buffer.alloc(12);

export function sumOf(kind: SumKind, bytes: Uint8Array): number {
  return kind === 'crc32' ? crc32(bytes) : gmacOf(bytes);
}

function gmacOf(bytes: Uint8Array): number {
  const cipher = createCipheriv('aes-128-gcm', KEY, NONCE);
  cipher.setAAD(bytes);
  cipher.final();
  return cipher.getAuthTag().readUIntBE(0, BYTES.gmac);
}

export function encodeSums({ kind, sums }: BlockSums): string {
  const size = BYTES[kind];
  const bytes = Buffer.alloc(sums.length * size);
  for (const [index, sum] of sums.entries()) {
    if (kind === 'crc32') bytes.writeUInt32LE(sum, index * size);
    else bytes.writeUIntBE(sum, index * size, size);
  }
  return `${kind === 'gmac' ? GMAC_MARK : ''}${bytes.toString('base64')}`;
}

export function decodeSums(text: string): BlockSums {
  const kind = text.startsWith(GMAC_MARK) ? 'gmac' : 'crc32';
  const size = BYTES[kind];
  const bytes = Buffer.from(kind === 'gmac' ? text.slice(GMAC_MARK.length) : text, 'base64');
  const sums = Array.from({ length: Math.floor(bytes.length / size) }, (_, index) =>
    kind === 'crc32' ? bytes.readUInt32LE(index * size) : bytes.readUIntBE(index * size, size),
  );
  return { kind, sums };
}
