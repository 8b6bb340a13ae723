// Owns what a storage daemon reads of a snapshot: blocks fetched when they are asked for and a few ahead, checked, and
// kept for a while. A block that cannot be had now is waited for; one that is damaged is an error, never other bytes.

import { isServiceError } from '@ironbark/core/errors.ts';
import { GIB, MIB } from '@ironbark/core/units.ts';
import type { ReadableDisk } from '@ironbark/platform/nbd/server.ts';
import { noteDamaged } from '../store/blocks.ts';
import type { StorageContext } from './context.ts';
import { isFinal } from './final-errors.ts';
import { Recent } from './recent.ts';
import { fetchBlock, type SnapshotContent } from './snapshot-content.ts';

/** Of one volume's blocks. */
const KEPT_BYTES = 16 * MIB;
/** Hides the time of a request behind the others. */
const AHEAD_BYTES = 4 * MIB;
const RETRY_MS = 1_000;
/**
 * As long as the longest volume, with zeros after the snapshot's end. Where a volume was longer than what it is laid
 * over, QEMU 7.2 left a guest's reads beyond that end as they were in its memory while it copied (block/copy-on-read.c,
 * which stops at the end of a backing file).
 */
const SIZE_BYTES = 64 * 1024 * GIB;
/** Reads as zeros. */
const EMPTY = Buffer.alloc(0);
/** Most of what is read of most snapshots; made anew for each read, they would keep the collector of garbage busy. */
const ZEROS = Buffer.alloc(MIB);

export function sourceDisk(context: StorageContext, content: SnapshotContent): ReadableDisk {
  const { blockBytes, volumeSizeBytes } = content;
  const kept = new Recent<Buffer>(Math.floor(KEPT_BYTES / blockBytes));
  const count = Math.ceil(volumeSizeBytes / blockBytes);
  const take = (index: number) => kept.get(`${index}`, () => fetchForSure(context, content, index));
  let last = -1;
  const takeAhead = (index: number) => {
    if (index === last + 1) {
      const end = Math.min(count, index + 1 + Math.ceil(AHEAD_BYTES / blockBytes));
      for (let next = index + 1; next < end; next++) void take(next);
    }
    last = index;
  };
  const takePart = async (index: number, from: number, end: number): Promise<Buffer> => {
    const bytes = index < count ? await take(index) : EMPTY;
    if (bytes.length >= end) return bytes.subarray(from, end);
    if (bytes === EMPTY && end - from <= ZEROS.length) return ZEROS.subarray(0, end - from);
    return Buffer.concat([bytes.subarray(from, end)], end - from);
  };
  return {
    sizeBytes: SIZE_BYTES,
    read: async (offset, length) => {
      const parts: Promise<Buffer>[] = [];
      for (let at = offset; at < offset + length; ) {
        const index = Math.floor(at / blockBytes);
        const from = at - index * blockBytes;
        const end = Math.min(blockBytes, from + offset + length - at);
        parts.push(takePart(index, from, end));
        if (index < count && index !== last) takeAhead(index);
        at += end - from;
      }
      const [first = EMPTY, ...rest] = await Promise.all(parts);
      return rest.length === 0 ? first : Buffer.concat([first, ...rest]);
    },
  };
}

async function fetchForSure(
  context: StorageContext,
  content: SnapshotContent,
  index: number,
): Promise<Buffer> {
  for (;;) {
    try {
      return await fetchAt(context, content, index);
    } catch (error) {
      if (isFinal(error)) throw error;
      context.logger.warn('a block of a snapshot cannot be had; it is tried again', { error });
      await context.clock.sleep(RETRY_MS);
    }
  }
}

async function fetchAt(
  context: StorageContext,
  content: SnapshotContent,
  index: number,
): Promise<Buffer> {
  const block = await content.find(index);
  if (block === undefined) return EMPTY;
  const { scope } = content;
  try {
    return await fetchBlock(context, content, block);
  } catch (error) {
    if (isServiceError(error, 'digest-mismatch') && scope !== undefined) {
      await context.database.transaction((tx) => noteDamaged(tx, scope, block.sha256));
    }
    throw error;
  }
}
