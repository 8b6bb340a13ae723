// Owns filling a new volume from a snapshot: chunks fetched a few ahead, each checked before it is written.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { StorageContext } from '../app/context.ts';
import type { SnapshotManifest } from '../app/snapshot-manifest.ts';
import { fetchChunk, fetchManifest } from '../app/snapshot-reading.ts';
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
  const manifest = await fetchManifest(context.objects, id);
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
        const fetched = fetchChunk(context.objects, manifest, chunks[next]!);
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

async function* reportingProgress(
  context: StorageContext,
  row: VolumeRow,
  chunks: AsyncIterable<FetchedChunk>,
): AsyncGenerator<VolumeContent> {
  let reportedAt = context.clock.monotonicMs();
  for await (const { percent, ...content } of chunks) {
    yield content;
    const now = context.clock.monotonicMs();
    if (now - reportedAt < PROGRESS_PERIOD_MS) continue;
    reportedAt = now;
    // All bytes are there only once they are synced.
    const progress = { progress_percent: Math.min(percent, 99) };
    await updateVolume(context.database.query, row.id, progress);
    context.changed();
  }
}
