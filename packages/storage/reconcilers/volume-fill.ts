// Owns filling a new volume from a snapshot: chunks fetched a few ahead, each checked before it is written.

import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { readBody, unpackChunk } from '../app/chunk-codec.ts';
import type { StorageContext } from '../app/context.ts';
import {
  chunkKey,
  damaged,
  MAX_MANIFEST_BYTES,
  type ManifestChunk,
  manifestKey,
  parseManifest,
  SNAPSHOT_BUCKET,
  type SnapshotManifest,
} from '../app/snapshot-manifest.ts';
import type { VolumeContent } from '../drivers/volume-backend.ts';
import { updateVolume, type VolumeRow } from '../store/volumes.ts';

/** Hides the time of a request behind the writing of others; each holds two chunks in memory. */
const CHUNKS_AHEAD = 4;
/** Progress is for people. */
const PROGRESS_PERIOD_MS = 500;

export async function fillVolume(
  context: StorageContext,
  row: VolumeRow,
  signal: AbortSignal,
): Promise<void> {
  const id = row.from_snapshot_id as SnapshotId;
  const manifest = await fetchManifest(context, id);
  if (manifest.volumeSizeBytes > row.size_bytes) {
    throw new ServiceError({
      kind: 'invalid-parameter',
      resource: 'volume',
      message: `The volume is smaller than the snapshot ${id} that it is to start with.`,
    });
  }
  const chunks = fetchChunks(context, manifest, signal);
  await context.backend.createFrom(row.id, row.size_bytes, reportingProgress(context, row, chunks));
}

async function fetchManifest(context: StorageContext, id: SnapshotId): Promise<SnapshotManifest> {
  const key = manifestKey(id);
  const { body } = await context.objects
    .getObject({ bucket: SNAPSHOT_BUCKET, key })
    .catch((error: unknown) => {
      if (!isServiceError(error, 'not-found')) throw error;
      throw new ServiceError({
        kind: 'not-found',
        resource: 'snapshot',
        message: `The snapshot ${id} is not in the object store.`,
        cause: error,
      });
    });
  const bytes = await readBody(body, MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw damaged(id, 'its manifest is too long');
  return parseManifest(bytes, id);
}

interface FetchedChunk extends VolumeContent {
  /** Share of the chunks that are done with this one. */
  percent: number;
}

async function* fetchChunks(
  context: StorageContext,
  manifest: SnapshotManifest,
  signal: AbortSignal,
): AsyncGenerator<FetchedChunk> {
  const { chunks } = manifest;
  const ahead: Promise<FetchedChunk>[] = [];
  try {
    for (let next = 0; next < chunks.length || ahead.length > 0; ) {
      while (next < chunks.length && ahead.length < CHUNKS_AHEAD) {
        const percent = Math.floor(((next + 1) * 100) / chunks.length);
        const fetched = fetchChunk(context, manifest, chunks[next]!);
        ahead.push(fetched.then((content) => ({ ...content, percent })));
        next += 1;
      }
      signal.throwIfAborted();
      yield await ahead.shift()!;
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

async function fetchChunk(
  context: StorageContext,
  manifest: SnapshotManifest,
  chunk: ManifestChunk,
): Promise<VolumeContent> {
  const { snapshotId, chunkBytes, volumeSizeBytes } = manifest;
  const offset = chunk.index * chunkBytes;
  const length = Math.min(chunkBytes, volumeSizeBytes - offset);
  const place = { bucket: SNAPSHOT_BUCKET, key: chunkKey(snapshotId, chunk.index) };
  const { body } = await context.objects.getObject(place);
  const packed = await readBody(body, length);
  const expected = { encoding: chunk.encoding, sha256: chunk.sha256, length };
  const bytes = packed === undefined ? undefined : await unpackChunk(packed, expected);
  if (bytes === undefined) throw damaged(snapshotId, `chunk ${chunk.index} is not what was stored`);
  return { offset, bytes };
}

async function* reportingProgress(
  context: StorageContext,
  row: VolumeRow,
  chunks: AsyncIterable<FetchedChunk>,
): AsyncGenerator<VolumeContent> {
  const report = reportProgress(context, row);
  for await (const { percent, ...content } of chunks) {
    yield content;
    await report(percent);
  }
}

/** Writes down how far a volume is, not more often than people look. */
export function reportProgress(
  context: StorageContext,
  row: VolumeRow,
): (percent: number) => Promise<void> {
  let reportedAt = context.clock.monotonicMs();
  return async (percent) => {
    const now = context.clock.monotonicMs();
    if (now - reportedAt < PROGRESS_PERIOD_MS) return;
    reportedAt = now;
    // All bytes are there only once they are synced.
    const progress = { progress_percent: Math.min(percent, 99) };
    await updateVolume(context.database.query, row.id, progress);
    context.changed();
  };
}
