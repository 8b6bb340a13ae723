// Owns the form of a snapshot in the object store: `snap-x/manifest.json`, and one object for each chunk that
// is not all zeros. The manifest is written last, so a snapshot that has one is whole.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';

export const SNAPSHOT_BUCKET = 'ironbark-snapshots';
const FORMAT = 'ironbark-snapshot/1';
/** Large enough that requests cost little beside bytes, small enough to keep several in memory. */
export const CHUNK_BYTES = 4 * MIB;
/** About 100 bytes a chunk: 2 TiB of data that is not zeros. Longer snapshots need another format. */
export const MAX_MANIFEST_BYTES = 64 * MIB;
/** A reader of other chunk sizes must not be made to hold more than this in memory. */
const MAX_CHUNK_BYTES = 16 * MIB;

export interface ManifestChunk {
  index: number;
  /** Lower-case hexadecimal SHA-256 of the chunk's unpacked bytes. */
  sha256: string;
  encoding: 'raw' | 'zstd';
  storedBytes: number;
}

export interface SnapshotManifest {
  format: typeof FORMAT;
  snapshotId: SnapshotId;
  volumeId: VolumeId;
  volumeSizeBytes: number;
  chunkBytes: number;
  /** ISO 8601 time at which the manifest was written. */
  completedAt: string;
  /** In order of index; chunks that are missing here are zeros. */
  chunks: ManifestChunk[];
}

export function snapshotPrefix(id: SnapshotId): string {
  return `${id}/`;
}

export function manifestKey(id: SnapshotId): string {
  return `${snapshotPrefix(id)}manifest.json`;
}

/** Twelve digits sort in order of index. */
export function chunkKey(id: SnapshotId, index: number): string {
  return `${snapshotPrefix(id)}chunks/${String(index).padStart(12, '0')}`;
}

export function renderManifest(manifest: Omit<SnapshotManifest, 'format'>): Buffer {
  return Buffer.from(JSON.stringify({ format: FORMAT, ...manifest }));
}

/** The manifest, once everything that a reader relies on has been checked. */
export function parseManifest(bytes: Uint8Array, id: SnapshotId): SnapshotManifest {
  const manifest = parseJson(bytes, id) as Partial<SnapshotManifest> | null;
  if (manifest?.format !== FORMAT) throw damaged(id, 'its format is not known here');
  if (manifest.snapshotId !== id) throw damaged(id, 'it names another snapshot');
  const { volumeSizeBytes, chunkBytes, chunks } = manifest;
  if (!isPositive(volumeSizeBytes)) throw damaged(id, 'its volume size is wrong');
  if (!isPositive(chunkBytes) || chunkBytes > MAX_CHUNK_BYTES) {
    throw damaged(id, 'its chunk size is wrong');
  }
  if (!Array.isArray(chunks)) throw damaged(id, 'it has no chunks');
  const count = Math.ceil(volumeSizeBytes / chunkBytes);
  if (!areInOrder(chunks, count)) throw damaged(id, 'its chunks are wrong');
  return manifest as SnapshotManifest;
}

export function damaged(id: SnapshotId, what: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'digest-mismatch',
    resource: 'snapshot',
    message: `The snapshot ${id} is damaged: ${what}.`,
    cause,
  });
}

function parseJson(bytes: Uint8Array, id: SnapshotId): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch (error) {
    throw damaged(id, 'its manifest cannot be read', error);
  }
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

function isPositive(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) > 0;
}
