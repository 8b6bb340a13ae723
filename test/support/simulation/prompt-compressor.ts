// Owns compression as a simulation needs it: done when asked, since threads end in another order each time.

import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { COMPRESSION, type Compressor } from '@ironbark/storage/app/chunk-codec.ts';

export const PROMPT_COMPRESSOR: Compressor = {
  compress: async (bytes) => zstdCompressSync(bytes, COMPRESSION),
  decompress: async (bytes, maxBytes) => zstdDecompressSync(bytes, { maxOutputLength: maxBytes }),
};
