// Owns how the blocks of a snapshot come into the object store, a slice of the volume at a time. What the storage
// daemon knows to be unchanged since an earlier snapshot, or never written, is not read; what is read and there already is
// not stored.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { ByteRange, FrozenReader } from '@ironbark/protocol/internal/block-target.ts';
import { isAllZeros } from '../app/chunk-codec.ts';
import type { StorageContext } from '../app/context.ts';
import { type BlockForm, PLAIN_BLOCKS, sealedBlocks } from '../app/sealed-blocks.ts';
import { BLOCK_BYTES } from '../app/snapshot-manifest.ts';
import { type BlockPlace, type NamedBlock, storeBlock } from '../app/stored-blocks.ts';
import {
  type BlockRun,
  copyReferences,
  listBlocks,
  noteStored,
  referToBlocks,
  removeReferences,
  type StoredBlock,
} from '../store/blocks.ts';
import {
  accountOf,
  findSnapshot,
  listCompletedSnapshots,
  type SnapshotRow,
  scopeOf,
  updateSnapshot,
} from '../store/snapshots.ts';
import { discardObjects } from './snapshot-objects.ts';
import { openSnapshotSource } from './snapshot-source.ts';

/** After so many blocks that were read (32 MiB, held in memory) the progress is written down. */
export const SLICE_BLOCKS = 64;
/** A slice of which little has changed goes on as far as this: 8 GiB of volume. */
const SLICE_SPAN = 16_384;
/** Hides the time of one request behind the others. */
const STORES_AT_A_TIME = 8;

export async function uploadSlice(context: StorageContext, row: SnapshotRow): Promise<void> {
  // An earlier version may have been cut short in its own form.
  if (row.next_chunk === 0) await discardObjects(context, row.id);
  await using reader = await openSource(context, row);
  const slice = await chooseSlice(context, row, reader);
  const form = await formOf(context, row);
  const read = await readBlocks({ row, reader, form }, slice.read);
  const missing = await context.database.transaction(async (tx) => {
    if (slice.base === undefined) await removeReferences(tx, row.id, slice.run);
    else {
      await requireBase(tx, slice.base);
      await copyReferences(tx, { from: slice.base, to: row.id }, slice.run, slice.changed);
    }
    return referToBlocks(tx, { scope: scopeOf(row), snapshotId: row.id }, read);
  });
  const stored = await storeBlocks(context, { row, form }, { read, missing });
  await recordSlice(context, row, stored, slice.run);
}

/** Blocks of a run that nothing is known of yet: referred to, stored as far as they are missing, written down. */
export async function storeSlice(
  context: StorageContext,
  row: SnapshotRow,
  read: readonly ReadBlock[],
  run: BlockRun,
): Promise<void> {
  const place = { scope: scopeOf(row), snapshotId: row.id };
  const missing = await context.database.transaction((tx) => referToBlocks(tx, place, read));
  const form = await formOf(context, row);
  await recordSlice(
    context,
    row,
    await storeBlocks(context, { row, form }, { read, missing }),
    run,
  );
}

function openSource(context: StorageContext, row: SnapshotRow): Promise<FrozenReader> {
  if (row.copy_of !== null) return openSnapshotSource(context, row.copy_of);
  return context.target.openFrozen(row.volume_id, row.id);
}

export async function formOf(context: StorageContext, row: SnapshotRow): Promise<BlockForm> {
  if (row.encrypted === 0) return PLAIN_BLOCKS;
  const { key } = await context.keys.getAccountKey(accountOf(row));
  return sealedBlocks(key, context.keys.random);
}

interface Slice {
  run: BlockRun;
  /** Whose blocks the run has wherever it has not changed. */
  base?: SnapshotId;
  /** Indices of blocks that may differ from the base's. */
  changed: number[];
  /** Of these, and without a base of all, those that may be other than zeros. */
  read: number[];
}

async function chooseSlice(
  context: StorageContext,
  row: SnapshotRow,
  reader: FrozenReader,
): Promise<Slice> {
  const total = Math.ceil(row.volume_size_bytes / BLOCK_BYTES);
  const first = row.next_chunk;
  const base = await chooseBase(context, row, reader);
  const span = { first, end: Math.min(first + SLICE_SPAN, total) };
  const data = indicesIn(await reader.data(...rangeOf(span)), span);
  const all = base === undefined ? data : await listChanged(context, reader, base, span);
  const ordered = [...all].sort((a, b) => a - b);
  const changed = ordered.slice(0, SLICE_BLOCKS);
  const end = ordered[SLICE_BLOCKS] ?? span.end;
  const read = changed.filter((index) => data.has(index));
  return { run: { first, end }, changed, read, ...(base === undefined ? {} : { base: base.id }) };
}

/** The newest snapshot of this volume that is whole and since which the daemon has kept the changes. */
async function chooseBase(
  context: StorageContext,
  row: SnapshotRow,
  reader: FrozenReader,
): Promise<SnapshotRow | undefined> {
  const scope = scopeOf(row);
  const completed = await listCompletedSnapshots(context.database.query, row.volume_id);
  const usable = new Map(
    completed.filter((each) => scopeOf(each) === scope).map((each) => [each.id, each]),
  );
  if (usable.size === 0) return undefined;
  const tracked = await reader.bases();
  return tracked.map((id) => usable.get(id)).find((each) => each !== undefined);
}

async function listChanged(
  context: StorageContext,
  reader: FrozenReader,
  base: SnapshotRow,
  run: BlockRun,
): Promise<Set<number>> {
  const changed = indicesIn(await reader.changes(base.id, ...rangeOf(run)), run);
  for (const block of await listBlocks(context.database.query, base.id, run)) {
    // Found damaged since, or cut short at an end that the volume has outgrown.
    const isWhole = (block.block_index + 1) * BLOCK_BYTES <= base.volume_size_bytes;
    if (block.stored_bytes === null || !isWhole) changed.add(block.block_index);
  }
  return changed;
}

/** Offset and length, in bytes. */
function rangeOf({ first, end }: BlockRun): [number, number] {
  return [first * BLOCK_BYTES, (end - first) * BLOCK_BYTES];
}

/** The blocks of a run that these ranges touch. */
function indicesIn(ranges: readonly ByteRange[], run: BlockRun): Set<number> {
  const touched = new Set<number>();
  for (const { offset, length } of ranges) {
    const first = Math.floor(offset / BLOCK_BYTES);
    const end = Math.ceil((offset + length) / BLOCK_BYTES);
    for (let index = Math.max(first, run.first); index < Math.min(end, run.end); index++) {
      touched.add(index);
    }
  }
  return touched;
}

async function requireBase(
  tx: Parameters<typeof findSnapshot>[0],
  base: SnapshotId,
): Promise<void> {
  const row = await findSnapshot(tx, base);
  if (row?.observed_state === 'completed' && row.desired === 'present') return;
  throw new Error(`${base} went while the next snapshot referred to its blocks`);
}

function indices({ first, end }: BlockRun): number[] {
  return Array.from({ length: end - first }, (_, at) => first + at);
}

export interface ReadBlock extends NamedBlock {
  index: number;
}

/** Without blocks of zeros, which are neither stored nor listed. */
async function readBlocks(
  { row, reader, form }: { row: SnapshotRow; reader: FrozenReader; form: BlockForm },
  changed: readonly number[],
): Promise<ReadBlock[]> {
  const blocks: ReadBlock[] = [];
  for (const { first, end } of joinRuns(changed)) {
    const offset = first * BLOCK_BYTES;
    const length = Math.min(end * BLOCK_BYTES, row.volume_size_bytes) - offset;
    const whole = await reader.read(offset, length);
    for (const index of indices({ first, end })) {
      const at = (index - first) * BLOCK_BYTES;
      const bytes = whole.subarray(at, at + BLOCK_BYTES);
      if (!isAllZeros(bytes)) blocks.push({ index, bytes, sha256: form.identify(bytes) });
    }
  }
  return blocks;
}

/** Neighbours are read in one request, of at most 4 MiB. */
const RUN_BLOCKS = 8;

function joinRuns(changed: readonly number[]): BlockRun[] {
  const runs: BlockRun[] = [];
  for (const index of changed) {
    const last = runs.at(-1);
    if (last?.end === index && index - last.first < RUN_BLOCKS) last.end = index + 1;
    else runs.push({ first: index, end: index + 1 });
  }
  return runs;
}

async function storeBlocks(
  context: StorageContext,
  to: BlockPlace,
  { read, missing }: { read: readonly ReadBlock[]; missing: ReadonlySet<string> },
): Promise<StoredBlock[]> {
  const bySum = new Map(read.map((block) => [block.sha256, block]));
  const wanted = [...bySum.values()].filter(({ sha256 }) => missing.has(sha256));
  const stored: StoredBlock[] = [];
  for (let first = 0; first < wanted.length; first += STORES_AT_A_TIME) {
    const group = wanted.slice(first, first + STORES_AT_A_TIME);
    // All of them end before an error is passed on, since the reader is closed then.
    const stores = await Promise.allSettled(group.map((block) => storeBlock(context, to, block)));
    for (const store of stores) {
      if (store.status === 'rejected') throw store.reason;
      stored.push(store.value);
    }
  }
  return stored;
}

async function recordSlice(
  context: StorageContext,
  row: SnapshotRow,
  stored: readonly StoredBlock[],
  run: BlockRun,
): Promise<void> {
  const total = Math.ceil(row.volume_size_bytes / BLOCK_BYTES);
  const added = stored.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
  await context.database.transaction(async (tx) => {
    await noteStored(tx, scopeOf(row), stored);
    await updateSnapshot(tx, row.id, {
      next_chunk: run.end,
      added_bytes: row.added_bytes + added,
      stored_bytes: row.added_bytes + added,
      // The last per cent is the manifest.
      progress_percent: Math.floor((run.end * 99) / total),
    });
  });
}
