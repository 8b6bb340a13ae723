// Owns filling a new volume from a snapshot: blocks fetched a few ahead, each checked before it is written.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { StorageContext } from '../app/context.ts';
import { openSourceOf } from '../app/layers.ts';
import { type ContentBlock, fetchBlock, type SnapshotContent } from '../app/snapshot-content.ts';
import type { VolumeContent } from '../drivers/volume-backend.ts';
import { noteDamaged } from '../store/blocks.ts';
import { updateVolume, type VolumeRow } from '../store/volumes.ts';

/** Hides the time of a request behind the writing of others; each holds two blocks in memory. */
const BLOCKS_AHEAD = 8;
/** Progress is for people. */
const PROGRESS_PERIOD_MS = 500;

export async function fillVolume(
  context: StorageContext,
  row: VolumeRow,
  signal: AbortSignal,
): Promise<void> {
  const content = await openSourceOf(context, row);
  const blocks = fetchBlocks(context, content, signal);
  await context.backend.createFrom(row.id, row.size_bytes, reportingProgress(context, row, blocks));
}

interface FetchedBlock extends VolumeContent {
  /** Share of the volume that is done with this one. */
  percent: number;
}

async function* fetchBlocks(
  context: StorageContext,
  content: SnapshotContent,
  signal: AbortSignal,
): AsyncGenerator<FetchedBlock> {
  const ahead: Promise<FetchedBlock>[] = [];
  try {
    for await (const block of content.blocks()) {
      signal.throwIfAborted();
      const fetched = fetchOne(context, content, block);
      // Whoever waits for it later sees it fail.
      fetched.catch(() => {});
      ahead.push(fetched);
      if (ahead.length >= BLOCKS_AHEAD) yield await ahead.shift()!;
    }
    for (let next = ahead.shift(); next !== undefined; next = ahead.shift()) yield await next;
  } finally {
    await Promise.allSettled(ahead);
  }
}

async function fetchOne(
  context: StorageContext,
  content: SnapshotContent,
  block: ContentBlock,
): Promise<FetchedBlock> {
  const { blockBytes, volumeSizeBytes, scope } = content;
  const offset = block.index * blockBytes;
  const fetched = fetchBlock(context, content, block).catch(async (error: unknown) => {
    if (isServiceError(error, 'digest-mismatch') && scope !== undefined) {
      await context.database.transaction((tx) => noteDamaged(tx, scope, block.sha256));
    }
    throw error;
  });
  const bytes = await fetched;
  const percent = Math.floor(((offset + bytes.length) * 100) / volumeSizeBytes);
  return { offset, bytes, percent };
}

async function* reportingProgress(
  context: StorageContext,
  row: VolumeRow,
  blocks: AsyncIterable<FetchedBlock>,
): AsyncGenerator<VolumeContent> {
  const report = reportProgress(context, row);
  for await (const { percent, ...content } of blocks) {
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
