// Owns how a chunk's bytes are packed for the object store and checked when they come back.

import { createHash } from 'node:crypto';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';

/** Who compresses. Threads of their own as a rule; a simulation wants the same order of events each time. */
export interface Compressor {
  compress(bytes: Buffer): Promise<Buffer>;
  /** Fails when there is more than `maxBytes`. */
  decompress(bytes: Buffer, maxBytes: number): Promise<Buffer>;
}

/** The level that keeps up with a disk; higher ones gain a few per cent for several times the time. */
export const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);

export const THREADED_COMPRESSOR: Compressor = {
  compress: (bytes) => compress(bytes, COMPRESSION),
  decompress: (bytes, maxBytes) => decompress(bytes, { maxOutputLength: maxBytes }),
};

/** Packing that saves less than this is not worth unpacking. */
const WORTHWHILE = 0.95;

export interface PackedChunk {
  bytes: Buffer;
  encoding: 'raw' | 'zstd';
}

export function isAllZeros(bytes: Buffer): boolean {
  // Comparing with itself, one byte on, is memcmp over the whole chunk.
  return bytes.length === 0 || (bytes[0] === 0 && bytes.subarray(1).equals(bytes.subarray(0, -1)));
}

export async function packChunk(compressor: Compressor, bytes: Buffer): Promise<PackedChunk> {
  const packed = await compressor.compress(bytes);
  if (packed.length > bytes.length * WORTHWHILE) return { bytes, encoding: 'raw' };
  return { bytes: packed, encoding: 'zstd' };
}

export interface ExpectedChunk {
  encoding: 'raw' | 'zstd';
  sha256: string;
  length: number;
  /** What `sha256` is of the unpacked bytes, when it is not their plain digest. */
  identify?: (bytes: Uint8Array) => string;
}

/** The unpacked bytes, or undefined when they are not what was packed. */
export async function unpackChunk(
  compressor: Compressor,
  packed: Buffer,
  expected: ExpectedChunk,
): Promise<Buffer | undefined> {
  const { encoding, length } = expected;
  const bytes = encoding === 'raw' ? packed : await unzip(compressor, packed, length);
  if (bytes?.length !== expected.length) return undefined;
  const { identify = digestOf } = expected;
  if (identify(bytes) !== expected.sha256) return undefined;
  return bytes;
}

/** A body's bytes; undefined when there are more than `maxBytes`. */
export async function readBody(body: Readable, maxBytes: number): Promise<Buffer | undefined> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    size += part.length;
    // Leaving the loop destroys the stream.
    if (size > maxBytes) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts);
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function unzip(
  compressor: Compressor,
  packed: Buffer,
  maxBytes: number,
): Promise<Buffer | undefined> {
  try {
    return await compressor.decompress(packed, maxBytes);
  } catch {
    // Whatever is wrong with it, it is not what was packed.
    return undefined;
  }
}
