// Owns snapshots that are made of an object: its bytes are cut into blocks as those of a volume are. What was cut short
// begins again, and stores what is missing.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import { isAllZeros } from '../app/chunk-codec.ts';
import type { StorageContext } from '../app/context.ts';
import type { BlockForm } from '../app/sealed-blocks.ts';
import { BLOCK_BYTES } from '../app/snapshot-manifest.ts';
import { readUnpacked } from '../app/unpacked-object.ts';
import { releaseBlocks } from '../store/blocks.ts';
import { findSnapshot, type SnapshotRow, scopeOf, updateSnapshot } from '../store/snapshots.ts';
import { discardObjects } from './snapshot-objects.ts';
import { formOf, type ReadBlock, SLICE_BLOCKS, storeSlice } from './snapshot-upload.ts';

export async function importSnapshot(
  context: StorageContext,
  row: SnapshotRow,
  signal: AbortSignal,
): Promise<void> {
  const source = JSON.parse(row.source!) as ImageBlob;
  if (source.unpackedBytes > row.volume_size_bytes) throw tooLarge();
  await discardObjects(context, row.id);
  const total = Math.ceil(row.volume_size_bytes / BLOCK_BYTES);
  await context.database.transaction(async (tx) => {
    // From here on there may be objects of it.
    const nothing = { next_chunk: 0, added_bytes: 0, stored_bytes: 0, progress_percent: 0 };
    await updateSnapshot(tx, row.id, { ...nothing, frozen_epoch: 0 });
    await releaseBlocks(tx, { scope: scopeOf(row), snapshotId: row.id }, context.clock.nowMs());
  });
  const form = await formOf(context, row);
  let first = 0;
  let held: ReadBlock[] = [];
  let index = 0;
  for await (const bytes of readUnpacked(context.objects, source, BLOCK_BYTES)) {
    if (index - first >= SLICE_BLOCKS) {
      await store(context, row, held, { first, end: index });
      signal.throwIfAborted();
      first = index;
      held = [];
    }
    if (!isAllZeros(bytes)) held.push(renderBlock(row, { index, bytes, form }));
    index += 1;
  }
  // Only now is it known that the object is what it was said to be.
  await store(context, row, held, { first, end: total });
}

/** At its full length: behind the object's end are zeroes. */
function renderBlock(
  { volume_size_bytes }: SnapshotRow,
  { index, bytes, form }: { index: number; bytes: Buffer; form: BlockForm },
): ReadBlock {
  const length = Math.min(BLOCK_BYTES, volume_size_bytes - index * BLOCK_BYTES);
  const whole = Buffer.concat([bytes], length);
  return { index, bytes: whole, sha256: form.identify(whole) };
}

async function store(
  context: StorageContext,
  { id }: SnapshotRow,
  blocks: readonly ReadBlock[],
  run: { first: number; end: number },
): Promise<void> {
  // With what was added to it so far.
  const row = await findSnapshot(context.database.query, id);
  if (row === undefined) throw new Error(`${id} was forgotten while it was made`);
  await storeSlice(context, row, blocks, run);
  context.changed();
}

function tooLarge(): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'snapshot',
    message: 'The object that the snapshot is made of is longer than the snapshot.',
  });
}
