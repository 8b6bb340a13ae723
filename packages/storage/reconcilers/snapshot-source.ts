// Owns a snapshot as what another snapshot is made from: its bytes, read as those of a point in time are.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { FrozenReader } from '@ironbark/protocol/internal/block-target.ts';
import type { StorageContext } from '../app/context.ts';
import {
  type ContentBlock,
  fetchBlock,
  openSnapshotContent,
  type SnapshotContent,
} from '../app/snapshot-content.ts';

export async function openSnapshotSource(
  context: StorageContext,
  id: SnapshotId,
): Promise<FrozenReader> {
  const content = await openSnapshotContent(context, id);
  return {
    read: (offset, length) => readContent(context, content, { offset, length }),
    bases: async () => [],
    changes: async (_base, offset, length) => [{ offset, length }],
    data: async (offset, length) => [{ offset, length }],
    [Symbol.asyncDispose]: async () => {},
  };
}

async function readContent(
  context: StorageContext,
  content: SnapshotContent,
  { offset, length }: { offset: number; length: number },
): Promise<Buffer> {
  const bytes = Buffer.alloc(length);
  const { blockBytes } = content;
  const end = offset + length;
  for (let index = Math.floor(offset / blockBytes); index * blockBytes < end; index++) {
    const block: ContentBlock | undefined = await content.find(index);
    if (block === undefined) continue;
    const part = await fetchBlock(context, content, block);
    const start = index * blockBytes - offset;
    part.copy(bytes, Math.max(0, start), Math.max(0, -start), Math.max(0, length - start));
  }
  return bytes;
}
