// Owns the first form of a snapshot in the object store, which is read and no longer written: one object of its own
// for each chunk that is not all zeros, and a manifest with a line for each.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { damaged, isPositive } from './snapshot-damage.ts';

export const CHUNKED_FORMAT = 'ironbark-snapshot/1';
/** A reader of other chunk sizes must not be made to hold more than this in memory. */
const MAX_CHUNK_BYTES = 16 * MIB;

export interface ManifestChunk {
  index: number;
  /** Lower-case hexadecimal SHA-256 of the chunk's unpacked bytes. */
  sha256: string;
  encoding: 'raw' | 'zstd';
  storedBytes: number;
}

export interface ChunkedManifest {
  format: typeof CHUNKED_FORMAT;
  snapshotId: SnapshotId;
  volumeId: VolumeId;
  volumeSizeBytes: number;
  chunkBytes: number;
  /** ISO 8601 time at which the manifest was written. */
  completedAt: string;
  /** In order of index; chunks that are missing here are zeros. */
  chunks: ManifestChunk[];
}

/** Twelve digits sort in order of index. */
export function chunkKey(id: SnapshotId, index: number): string {
  return `${id}/chunks/${String(index).padStart(12, '0')}`;
}

/** The manifest, once everything that a reader relies on has been checked. */
export function parseChunkedManifest(parsed: unknown, id: SnapshotId): ChunkedManifest {
  const manifest = parsed as Partial<ChunkedManifest> | null;
  if (manifest?.format !== CHUNKED_FORMAT) throw damaged(id, 'its format is not known here');
  if (manifest.snapshotId !== id) throw damaged(id, 'it names another snapshot');
  const { volumeSizeBytes, chunkBytes, chunks } = manifest;
  if (!isPositive(volumeSizeBytes)) throw damaged(id, 'its volume size is wrong');
  if (!isPositive(chunkBytes) || chunkBytes > MAX_CHUNK_BYTES) {
    throw damaged(id, 'its chunk size is wrong');
  }
  if (!Array.isArray(chunks)) throw damaged(id, 'it has no chunks');
  const count = Math.ceil(volumeSizeBytes / chunkBytes);
  if (!areInOrder(chunks, count)) throw damaged(id, 'its chunks are wrong');
  return manifest as ChunkedManifest;
}

function areInOrder(chunks: readonly Partial<ManifestChunk>[], count: number): boolean {
  let last = -1;
  for (const chunk of chunks) {
    if (!isGoodChunk(chunk) || chunk.index <= last || chunk.index >= count) return false;
    last = chunk.index;
  }
  return true;
}

function isGoodChunk(chunk: Partial<ManifestChunk> | null): chunk is ManifestChunk {
  return (
    Number.isSafeInteger(chunk?.index) &&
    /^[0-9a-f]{64}$/.test(chunk?.sha256 ?? '') &&
    (chunk?.encoding === 'raw' || chunk?.encoding === 'zstd')
  );
}
