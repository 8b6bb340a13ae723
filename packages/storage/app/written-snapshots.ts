// Owns snapshots that are written block by block: begun with their parent's blocks, or none, and taken as they are when
// their writer is done.

import { createHash } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { SnapshotWriter } from '@ironbark/protocol/internal/snapshot-writer.ts';
import type { Kysely } from 'kysely';
import { copyReferences, findUnstored, noteStored, referToBlocks } from '../store/blocks.ts';
import type { StorageSchema } from '../store/schema.ts';
import { findSnapshot, type SnapshotRow, scopeOf, updateSnapshot } from '../store/snapshots.ts';
import {
  listWrittenDigests,
  placeBlock,
  releaseIndex,
  releaseStaged,
  stagingIndex,
} from '../store/written-blocks.ts';
import { digestOf, isAllZeros } from './chunk-codec.ts';
import type { StorageContext } from './context.ts';
import { Recent } from './recent.ts';
import { PLAIN_BLOCKS } from './sealed-blocks.ts';
import type { Slots } from './slots.ts';
import { BLOCK_BYTES, SNAPSHOT_BUCKET } from './snapshot-manifest.ts';
import { storeBlock } from './stored-blocks.ts';

type Queries = Kysely<StorageSchema>;

/** As many as one account can have open. */
const BUCKETS_KEPT = 100;

export function createSnapshotWriter(context: StorageContext, slots: Slots): SnapshotWriter {
  const buckets = new Recent<void>(BUCKETS_KEPT);
  const ensureBucket = () => context.objects.ensureBucket(SNAPSHOT_BUCKET);
  const writer: Writer = { context, ensureBucketFor: (id) => buckets.get(id, ensureBucket) };
  return {
    writeBlock: (id, index, bytes) => slots.run(() => writeBlock(writer, { id, index, bytes })),
    describeWritten: (id) => describeWritten(context, id),
  };
}

interface Writer {
  context: StorageContext;
  /** Once for a snapshot, not for each of its blocks. */
  ensureBucketFor(id: SnapshotId): Promise<void>;
}

interface Write {
  id: SnapshotId;
  index: number;
  bytes: Buffer;
}

async function writeBlock(writer: Writer, { id, index, bytes }: Write): Promise<void> {
  const { context } = writer;
  const sha256 = digestOf(bytes);
  const isZeros = isAllZeros(bytes);
  const nowMs = context.clock.nowMs();
  const { row, isMissing } = await context.database.transaction(async (tx) => {
    const open = await requireOpen(tx, id);
    requireIndex(open, index, bytes);
    await ensureBegun(tx, id);
    if (isZeros) return { row: open, isMissing: false };
    const user = { scope: scopeOf(open), snapshotId: id };
    await releaseIndex(tx, user, stagingIndex(index), nowMs);
    const missing = await referToBlocks(tx, user, [{ index: stagingIndex(index), sha256 }]);
    return { row: open, isMissing: missing.size > 0 };
  });
  if (isMissing) await writer.ensureBucketFor(id);
  const place = { row, form: PLAIN_BLOCKS };
  const stored = isMissing ? [await storeBlock(context, place, { bytes, sha256 })] : [];
  await context.database.transaction(async (tx) => {
    await requireOpen(tx, id);
    const scope = scopeOf(row);
    await noteStored(tx, scope, stored);
    await placeBlock(tx, { scope, snapshotId: id }, { index, sha256, isZeros }, nowMs);
    const added = stored.reduce((sum, { storedBytes }) => sum + storedBytes, 0);
    if (added > 0) await addBytes(tx, id, added);
  });
  if (stored.length === 0) context.pokeCollector();
}

async function addBytes(tx: Queries, id: SnapshotId, bytes: number): Promise<void> {
  await tx
    .updateTable('snapshot')
    .set((e) => ({ added_bytes: e('added_bytes', '+', bytes) }))
    .where('id', '=', id)
    .execute();
}

async function requireOpen(tx: Queries, id: SnapshotId): Promise<SnapshotRow> {
  const row = await findSnapshot(tx, id);
  if (row === undefined || row.desired === 'absent') {
    throw new ServiceError({
      kind: 'not-found',
      resource: 'snapshot',
      message: `The snapshot '${id}' does not exist.`,
    });
  }
  if (row.written === 'open' && row.observed_state === 'pending') return row;
  throw new ServiceError({
    kind: 'incorrect-state',
    resource: 'snapshot',
    message: `The snapshot '${id}' takes no more blocks.`,
  });
}

function requireIndex(row: SnapshotRow, index: number, bytes: Buffer): void {
  const blocks = Math.ceil(row.volume_size_bytes / BLOCK_BYTES);
  const isInside = Number.isSafeInteger(index) && index >= 0 && index < blocks;
  if (isInside && bytes.length === BLOCK_BYTES) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'snapshot',
    message: `The snapshot '${row.id}' has ${blocks} blocks of ${BLOCK_BYTES} bytes.`,
  });
}

/** Once: with its parent's blocks, before the first of its own. Looks for itself: a writer may have come first. */
export async function ensureBegun(tx: Queries, id: SnapshotId): Promise<void> {
  const row = await findSnapshot(tx, id);
  if (row === undefined || row.frozen_epoch !== null) return;
  if (row.parent_id !== null) {
    const parent = await findSnapshot(tx, row.parent_id);
    const isWhole = parent?.observed_state === 'completed' && parent.desired === 'present';
    if (!isWhole || parent.unknown_blocks === 1 || scopeOf(parent) !== scopeOf(row)) {
      throw new ServiceError({
        kind: 'not-found',
        resource: 'snapshot',
        message: `The parent snapshot '${row.parent_id}' cannot be built upon.`,
      });
    }
    const end = Math.ceil(parent.volume_size_bytes / BLOCK_BYTES);
    await copyReferences(tx, { from: parent.id, to: row.id }, { first: 0, end }, []);
  }
  await updateSnapshot(tx, row.id, { frozen_epoch: 0 });
}

/** False when a block of it was found damaged meanwhile: then it cannot be made whole. */
export async function closeWritten(context: StorageContext, row: SnapshotRow): Promise<boolean> {
  const user = { scope: scopeOf(row), snapshotId: row.id };
  return await context.database.transaction(async (tx) => {
    await releaseStaged(tx, user, context.clock.nowMs());
    return (await findUnstored(tx, row.id)) === undefined;
  });
}

async function describeWritten({ database }: StorageContext, id: SnapshotId) {
  const digests = await listWrittenDigests(database.query, id);
  const sum = createHash('sha256');
  for (const digest of digests) sum.update(Buffer.from(digest, 'hex'));
  return { count: digests.length, linearChecksum: sum.digest('base64') };
}
