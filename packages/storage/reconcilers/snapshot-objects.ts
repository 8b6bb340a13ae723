// Owns what a snapshot leaves in the object store: chunks, the manifest, and their removal.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type { FrozenReader } from '@ironbark/protocol/internal/block-target.ts';
import { digestOf, isAllZeros, packChunk } from '../app/chunk-codec.ts';
import type { StorageContext } from '../app/context.ts';
import {
  CHUNK_BYTES,
  chunkKey,
  manifestKey,
  renderManifest,
  SNAPSHOT_BUCKET,
  snapshotPrefix,
} from '../app/snapshot-manifest.ts';
import {
  listChunks,
  putChunks,
  type SnapshotChunkRow,
  type SnapshotRow,
  updateSnapshot,
} from '../store/snapshots.ts';

/** After so many chunks (64 MiB of volume) the progress is written down; a restart goes on from there. */
const SLICE_CHUNKS = 16;
/** Hides the time of a request behind the reading of others; each holds two chunks in memory. */
const CHUNKS_AT_A_TIME = 4;

export async function uploadSlice(context: StorageContext, row: SnapshotRow): Promise<void> {
  if (row.next_chunk === 0) await context.objects.ensureBucket(SNAPSHOT_BUCKET);
  const total = Math.ceil(row.volume_size_bytes / CHUNK_BYTES);
  const end = Math.min(row.next_chunk + SLICE_CHUNKS, total);
  const stored: SnapshotChunkRow[] = [];
  await using reader = await context.target.openFrozen(row.volume_id, row.id);
  for (let first = row.next_chunk; first < end; first += CHUNKS_AT_A_TIME) {
    const count = Math.min(CHUNKS_AT_A_TIME, end - first);
    const group = Array.from({ length: count }, (_, at) => first + at);
    // All of them end before an error is passed on, since the reader is closed then.
    const uploads = await Promise.allSettled(
      group.map((index) => uploadChunk(context, row, reader, index)),
    );
    for (const upload of uploads) {
      if (upload.status === 'rejected') throw upload.reason;
      if (upload.value !== undefined) stored.push(upload.value);
    }
  }
  await recordSlice(context, row, stored, { end, total });
}

/** Undefined for a chunk of zeros, which is not stored. */
async function uploadChunk(
  context: StorageContext,
  row: SnapshotRow,
  reader: FrozenReader,
  index: number,
): Promise<SnapshotChunkRow | undefined> {
  const offset = index * CHUNK_BYTES;
  const bytes = await reader.read(offset, Math.min(CHUNK_BYTES, row.volume_size_bytes - offset));
  if (isAllZeros(bytes)) return undefined;
  const packed = await packChunk(bytes);
  await context.objects.putObject({
    bucket: SNAPSHOT_BUCKET,
    key: chunkKey(row.id, index),
    body: packed.bytes,
    sha256: packed.encoding === 'raw' ? packed.sha256 : digestOf(packed.bytes),
  });
  const { sha256, encoding } = packed;
  const place = { snapshot_id: row.id, chunk_index: index };
  return { ...place, sha256, encoding, stored_bytes: packed.bytes.length };
}

async function recordSlice(
  context: StorageContext,
  row: SnapshotRow,
  stored: SnapshotChunkRow[],
  progress: { end: number; total: number },
): Promise<void> {
  const added = stored.reduce((sum, chunk) => sum + chunk.stored_bytes, 0);
  await context.database.transaction(async (tx) => {
    await putChunks(tx, stored);
    await updateSnapshot(tx, row.id, {
      next_chunk: progress.end,
      stored_bytes: row.stored_bytes + added,
      // The last per cent is the manifest.
      progress_percent: Math.floor((progress.end * 99) / progress.total),
    });
  });
}

export async function storeManifest(context: StorageContext, row: SnapshotRow): Promise<void> {
  const chunks = await listChunks(context.database.query, row.id);
  const body = renderManifest({
    snapshotId: row.id,
    volumeId: row.volume_id,
    volumeSizeBytes: row.volume_size_bytes,
    chunkBytes: CHUNK_BYTES,
    completedAt: renderTime(context.clock.nowMs()),
    chunks: chunks.map((chunk) => ({
      index: chunk.chunk_index,
      sha256: chunk.sha256,
      encoding: chunk.encoding,
      storedBytes: chunk.stored_bytes,
    })),
  });
  const place = { bucket: SNAPSHOT_BUCKET, key: manifestKey(row.id) };
  await context.objects.putObject({ ...place, body, sha256: digestOf(body) });
}

/** The manifest goes first, so that what is half removed is not taken for a snapshot. */
export async function discardObjects(context: StorageContext, id: SnapshotId): Promise<void> {
  await context.objects.ensureBucket(SNAPSHOT_BUCKET);
  await context.objects.deleteObject({ bucket: SNAPSHOT_BUCKET, key: manifestKey(id) });
  for (;;) {
    const place = { bucket: SNAPSHOT_BUCKET, prefix: snapshotPrefix(id) };
    const { objects, isTruncated } = await context.objects.listObjects(place);
    for (const { key } of objects) {
      await context.objects.deleteObject({ bucket: SNAPSHOT_BUCKET, key });
    }
    if (!isTruncated) return;
  }
}
