// Owns AES-256-XTS over runs of 512-byte sectors, as `aes-xts-plain64` of LUKS has it (IEEE 1619). A sector's tweak is
// made here and the blocks of many sectors go through one call of OpenSSL's: a call for each sector is as slow as a
// cipher without the processor's help.

import { createCipheriv, createDecipheriv } from 'node:crypto';

export const SECTOR_BYTES = 512;
/** Two AES-256 keys: one for the bytes, one for the tweaks. */
export const XTS_KEY_BYTES = 64;

const AES_BLOCK_BYTES = 16;
const BLOCKS_IN_SECTOR = SECTOR_BYTES / AES_BLOCK_BYTES;
/** x^128 = x^7 + x^2 + x + 1. */
const FEEDBACK = 0x87;
const CIPHER = 'aes-256-ecb';

interface SectorRun {
  key: Buffer;
  /** The number of the first sector, from the beginning of what is encrypted. */
  first: number;
}

export function sealSectors({ key, first }: SectorRun, plain: Uint8Array): Buffer {
  const tweaks = makeTweaks({ key, first }, countSectors(plain));
  const cipher = createCipheriv(CIPHER, key.subarray(0, XTS_KEY_BYTES / 2), null);
  return xorBoth(tweaks, plain, (whitened) => cipher.setAutoPadding(false).update(whitened));
}

export function openSectors({ key, first }: SectorRun, sealed: Uint8Array): Buffer {
  const tweaks = makeTweaks({ key, first }, countSectors(sealed));
  const decipher = createDecipheriv(CIPHER, key.subarray(0, XTS_KEY_BYTES / 2), null);
  return xorBoth(tweaks, sealed, (whitened) => decipher.setAutoPadding(false).update(whitened));
}

function countSectors(bytes: Uint8Array): number {
  if (bytes.length % SECTOR_BYTES === 0) return bytes.length / SECTOR_BYTES;
  throw new Error(`${bytes.length} bytes are no whole sectors`);
}

function xorBoth(
  tweaks: Uint32Array,
  input: Uint8Array,
  transform: (whitened: Buffer) => Buffer,
): Buffer {
  const whitened = new Uint32Array(tweaks.length);
  const bytes = bytesOf(whitened);
  bytes.set(input);
  xorInto(whitened, tweaks);
  bytes.set(transform(bytes));
  xorInto(whitened, tweaks);
  return bytes;
}

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

function xorInto(words: Uint32Array, other: Uint32Array): void {
  for (let at = 0; at < words.length; at++) words[at]! ^= other[at]!;
}

/** Of each block of each sector: the sector's number, encrypted, times x for each block before. */
function makeTweaks({ key, first }: SectorRun, sectors: number): Uint32Array {
  const numbers = Buffer.alloc(sectors * AES_BLOCK_BYTES);
  for (let at = 0; at < sectors; at++) {
    numbers.writeBigUInt64LE(BigInt(first + at), at * AES_BLOCK_BYTES);
  }
  const cipher = createCipheriv(CIPHER, key.subarray(XTS_KEY_BYTES / 2), null);
  const starts = cipher.setAutoPadding(false).update(numbers);
  const tweaks = new Uint32Array((sectors * SECTOR_BYTES) / 4);
  for (let at = 0; at < sectors; at++) writeTweaks(tweaks, at, starts);
  return tweaks;
}

function writeTweaks(tweaks: Uint32Array, sector: number, starts: Buffer): void {
  const from = sector * AES_BLOCK_BYTES;
  let w0 = starts.readInt32LE(from);
  let w1 = starts.readInt32LE(from + 4);
  let w2 = starts.readInt32LE(from + 8);
  let w3 = starts.readInt32LE(from + 12);
  let to = sector * BLOCKS_IN_SECTOR * 4;
  for (let block = 0; block < BLOCKS_IN_SECTOR; block++) {
    tweaks[to] = w0;
    tweaks[to + 1] = w1;
    tweaks[to + 2] = w2;
    tweaks[to + 3] = w3;
    to += 4;
    const carry = (w3 >> 31) & FEEDBACK;
    w3 = (w3 << 1) | (w2 >>> 31);
    w2 = (w2 << 1) | (w1 >>> 31);
    w1 = (w1 << 1) | (w0 >>> 31);
    w0 = (w0 << 1) ^ carry;
  }
}
