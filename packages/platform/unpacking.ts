// Owns unpacking what is mostly zeros, as disks are.

import { createZstdDecompress } from 'node:zlib';

/** At a time: with Node's 16 KiB, handing on the zeros of a disk takes twice as long as unpacking them. */
const UNPACKED_BYTES = 256 * 1024;

export type Unpacker = ReturnType<typeof createUnpacker>;

export function createUnpacker() {
  return createZstdDecompress({ chunkSize: UNPACKED_BYTES });
}
