// Owns the binary form of a list of blocks: 40 bytes each, in order of index, so that a block is found by halving.
//
//   index in the stretch (4, big endian) · SHA-256 of the unpacked bytes (32) · packed? (1 bit) · stored bytes (31 bits)

import type { StoredBlock } from '../store/blocks.ts';

/** Blocks of a stretch: 32 GiB of volume, and a list of at most 2.5 MiB. */
export const LIST_BLOCKS = 65_536;
const ENTRY_BYTES = 40;
const PACKED = 0x8000_0000;
export const MAX_LIST_BYTES = LIST_BLOCKS * ENTRY_BYTES;

export interface ListedBlock extends StoredBlock {
  /** In the stretch. */
  at: number;
}

export function renderBlockList(blocks: readonly ListedBlock[]): Buffer {
  const bytes = Buffer.alloc(blocks.length * ENTRY_BYTES);
  for (const [n, { at, sha256, encoding, storedBytes }] of blocks.entries()) {
    const offset = n * ENTRY_BYTES;
    bytes.writeUInt32BE(at, offset);
    bytes.write(sha256, offset + 4, 'hex');
    bytes.writeUInt32BE(storedBytes + (encoding === 'zstd' ? PACKED : 0), offset + 36);
  }
  return bytes;
}

/** True when the bytes are a list: whole entries in order of index, within the stretch. */
export function isBlockList(bytes: Buffer): boolean {
  if (bytes.length % ENTRY_BYTES !== 0 || bytes.length > MAX_LIST_BYTES) return false;
  let last = -1;
  for (let n = 0; n < countBlocks(bytes); n++) {
    const at = bytes.readUInt32BE(n * ENTRY_BYTES);
    if (at <= last || at >= LIST_BLOCKS) return false;
    last = at;
  }
  return true;
}

export function countBlocks(list: Buffer): number {
  return list.length / ENTRY_BYTES;
}

export function blockAt(list: Buffer, n: number): ListedBlock {
  const offset = n * ENTRY_BYTES;
  const size = list.readUInt32BE(offset + 36);
  return {
    at: list.readUInt32BE(offset),
    sha256: list.toString('hex', offset + 4, offset + 36),
    encoding: size >= PACKED ? 'zstd' : 'raw',
    storedBytes: size % PACKED,
  };
}

/** Undefined for a block of zeros, which is not listed. */
export function findInList(list: Buffer, at: number): ListedBlock | undefined {
  let low = 0;
  let high = countBlocks(list);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (list.readUInt32BE(middle * ENTRY_BYTES) < at) low = middle + 1;
    else high = middle;
  }
  if (low === countBlocks(list)) return undefined;
  const found = blockAt(list, low);
  return found.at === at ? found : undefined;
}
