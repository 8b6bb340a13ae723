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
const WORD = 2 ** 32;

interface SectorRun {
  key: Buffer;
  /** The number of the first sector, from the beginning of what is encrypted. */
  first: number;
}

export function sealSectors(run: SectorRun, plain: Uint8Array): Buffer {
  const tweaks = makeTweaks(run, countSectors(plain.length));
  return finish(tweaks, sealer(run).update(xorWith(tweaks, plain)));
}

/** As `sealSectors`, of zeros: a tweak is what they are once it has gone over them. */
export function sealZeroSectors(run: SectorRun, length: number): Buffer {
  const tweaks = makeTweaks(run, countSectors(length));
  return finish(tweaks, sealer(run).update(bytesOf(tweaks)));
}

export function openSectors(run: SectorRun, sealed: Uint8Array): Buffer {
  const tweaks = makeTweaks(run, countSectors(sealed.length));
  const opener = createDecipheriv(CIPHER, run.key.subarray(0, XTS_KEY_BYTES / 2), null);
  return finish(tweaks, opener.setAutoPadding(false).update(xorWith(tweaks, sealed)));
}

function sealer({ key }: SectorRun) {
  return createCipheriv(CIPHER, key.subarray(0, XTS_KEY_BYTES / 2), null).setAutoPadding(false);
}

function countSectors(length: number): number {
  if (length % SECTOR_BYTES === 0) return length / SECTOR_BYTES;
  throw new Error(`${length} bytes are no whole sectors`);
}

function bytesOf(words: Uint32Array): Buffer {
  return Buffer.from(words.buffer, words.byteOffset, words.byteLength);
}

function wordsOf(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length / 4);
}

function xorWith(tweaks: Uint32Array, input: Uint8Array): Buffer {
  const words = wordsOf(input);
  const result = new Uint32Array(words.length);
  for (let at = 0; at < result.length; at++) result[at] = words[at]! ^ tweaks[at]!;
  return bytesOf(result);
}

/** In place: what the cipher gave is nobody else's. */
function finish(tweaks: Uint32Array, given: Buffer): Buffer {
  const words = wordsOf(given);
  for (let at = 0; at < words.length; at++) words[at]! ^= tweaks[at]!;
  return bytesOf(words);
}

/** Of each block of each sector: the sector's number, encrypted, times x for each block before. */
function makeTweaks({ key, first }: SectorRun, sectors: number): Uint32Array {
  const numbers = Buffer.alloc(sectors * AES_BLOCK_BYTES);
  for (let at = 0; at < sectors; at++) {
    const number = first + at;
    numbers.writeUInt32LE(number % WORD, at * AES_BLOCK_BYTES);
    numbers.writeUInt32LE(Math.floor(number / WORD), at * AES_BLOCK_BYTES + 4);
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
