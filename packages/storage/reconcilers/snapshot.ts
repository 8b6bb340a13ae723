// Owns bringing snapshots to what is wanted: a point in time held, its blocks uploaded, the manifest last.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { Updateable } from 'kysely';
import type { StorageContext } from '../app/context.ts';
import { isFinal } from '../app/final-errors.ts';
import { ensureLayer } from '../app/layers.ts';
import { endMeasuring, SNAPSHOT_WANTED } from '../app/measured-volumes.ts';
import { isLetIn } from '../app/openings.ts';
import type { Slots } from '../app/slots.ts';
import { BLOCK_BYTES } from '../app/snapshot-manifest.ts';
import { closeWritten, ensureBegun } from '../app/written-snapshots.ts';
import { findUnstored, releaseBlocks, sumStoredBytes } from '../store/blocks.ts';
import { notePoint } from '../store/points.ts';
import type { SnapshotTable } from '../store/schema.ts';
import {
  findSnapshot,
  listCopying,
  listSnapshots,
  type SnapshotRow,
  scopeOf,
  updateSnapshot,
} from '../store/snapshots.ts';
import { findVolume, isVolumeKnown, listVolumesFillingFrom } from '../store/volumes.ts';
import { forgetWritten } from '../store/written-blocks.ts';
import { type ObservedSnapshot, planSnapshot, type SnapshotStep } from './plan-snapshot.ts';
import { importSnapshot } from './snapshot-import.ts';
import { discardObjects, storeManifest } from './snapshot-objects.ts';
import { dropPoint, observePoint, pokePoints } from './snapshot-point.ts';
import { rebuildReferences } from './snapshot-references.ts';
import { freezeSet, readSetState } from './snapshot-set.ts';
import { uploadSlice } from './snapshot-upload.ts';

/** What is waited for pokes; this is for the poke that was lost. */
const WAIT_MS = 5_000;

export function createSnapshotReconciler(context: StorageContext, uploads: Slots): Reconciler {
  return {
    name: 'snapshot',
    listKeys: async () => (await listSnapshots(context.database.query)).map((row) => row.id),
    reconcile: (key, signal) => reconcileSnapshot(context, uploads, key as SnapshotId, signal),
  };
}

/** An upload takes as many steps as it has slices; more of the others is a plan that goes in circles. */
const MAX_OTHER_STEPS = 16;

async function reconcileSnapshot(
  context: StorageContext,
  uploads: Slots,
  id: SnapshotId,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  for (let others = 0; others < MAX_OTHER_STEPS; ) {
    signal.throwIfAborted();
    const row = await findSnapshot(context.database.query, id);
    if (row === undefined) return SETTLED;
    const plan = planSnapshot(row.desired, await observe(context, row));
    if (plan.kind === 'settled') return settle(context, row);
    if (plan.kind === 'wait') return { kind: 'again', afterMs: WAIT_MS };
    const apply = () => applyStep(context, row, plan.step, signal);
    if (plan.step !== 'upload') others += 1;
    const isLong = plan.step === 'upload' || plan.step === 'import';
    await (isLong ? uploads.run(apply) : apply());
  }
  throw new Error(`${id} did not settle in ${MAX_OTHER_STEPS} steps`);
}

async function observe(context: StorageContext, row: SnapshotRow): Promise<ObservedSnapshot> {
  const query = context.database.query;
  const isImport = row.source !== null;
  const volume = await findVolume(query, row.volume_id);
  const readVolume = (each: SnapshotRow) => readVolumeState(context, each);
  const readers = row.desired === 'absent' ? await listReaders(context, row.id) : [];
  return {
    state: row.observed_state,
    isImport,
    isFrozen: row.frozen_epoch !== null,
    isHeld: !isImport && (await isHeld(context, row)),
    isUnwritten: row.frozen_exported === 0 && volume?.export_epoch === row.frozen_epoch,
    isUploaded: row.next_chunk >= Math.ceil(row.volume_size_bytes / BLOCK_BYTES),
    hasObjects: row.frozen_epoch !== null,
    hasUnknownBlocks: row.unknown_blocks === 1,
    ...(row.written === null ? {} : { written: row.written }),
    volume: isImport ? 'missing' : await readSetState(context, row, readVolume),
    fillingVolumes: readers.length,
    ...(await observePoint(context, row)),
  };
}

/** A copy has nothing to let go of. */
async function isHeld(context: StorageContext, row: SnapshotRow): Promise<boolean> {
  if (row.copy_of !== null) return row.observed_state === 'pending' && row.desired === 'present';
  const { target, locks, measuring } = context;
  // No point in time is held of one that is being measured, and its lock is not free.
  if (measuring.has(row.volume_id)) return false;
  const { frozen } = await locks.run(row.volume_id, () => target.inspect(row.volume_id));
  return frozen.includes(row.id);
}

/** Volumes and copies that are being made from it. */
async function listReaders({ database }: StorageContext, id: SnapshotId): Promise<string[]> {
  const copies = await listCopying(database.query, id);
  const volumes = await listVolumesFillingFrom(database.query, id);
  return [...volumes, ...copies.map((row) => row.id)];
}

async function readVolumeState(
  context: StorageContext,
  row: SnapshotRow,
): Promise<ObservedSnapshot['volume']> {
  const volume = await findVolume(context.database.query, row.volume_id);
  if (volume?.observed_state === 'ready') return 'ready';
  if (volume?.observed_state === 'creating' && volume.desired === 'present') return 'making';
  if (volume !== undefined) return 'missing';
  // Intents come in any order: the volume of one that is not known at all may still come.
  return (await isVolumeKnown(context.database.query, row.volume_id)) ? 'missing' : 'making';
}

async function settle(context: StorageContext, row: SnapshotRow): Promise<ReconcileResult> {
  if (row.observed_generation !== row.generation) {
    const note = () => record(context, row.id, reached(row));
    await context.aroundStep('snapshot/note-reached', note);
  }
  context.pokeVolume(row.volume_id);
  return SETTLED;
}

async function applyStep(
  context: StorageContext,
  row: SnapshotRow,
  step: SnapshotStep,
  signal: AbortSignal,
): Promise<void> {
  try {
    await context.aroundStep(`snapshot/${step}`, () => STEPS[step](context, row, signal));
  } catch (error) {
    if (!isFinal(error) || row.desired === 'absent') throw error;
    context.logger.warn('snapshot step failed for good', { id: row.id, step, error });
    await fail(context, row, error.message);
  }
}

type Apply = (context: StorageContext, row: SnapshotRow, signal: AbortSignal) => Promise<void>;

const STEPS: Readonly<Record<SnapshotStep, Apply>> = {
  import: importSnapshot,
  freeze,
  begin: (context, row) => context.database.transaction((tx) => ensureBegun(tx, row.id)),
  upload: async (context, row) => {
    await uploadSlice(context, row);
    context.changed();
  },
  complete,
  thaw,
  'drop-point': dropPoint,
  'fail-volume-missing': (context, row) =>
    fail(context, row, row.together === null ? volumeGone(row) : SET_BROKEN),
  'fail-point-lost': (context, row) => fail(context, row, POINT_LOST),
  'fail-abandoned': (context, row) => fail(context, row, ABANDONED),
  discard: async (context, row) => {
    await discardObjects(context, row.id);
    await context.database.transaction(async (tx) => {
      const nothing = { frozen_epoch: null, next_chunk: 0, stored_bytes: 0, added_bytes: 0 };
      await updateSnapshot(tx, row.id, { ...nothing, unknown_blocks: 0 });
      await forgetWritten(tx, row.id);
      await releaseBlocks(tx, { scope: scopeOf(row), snapshotId: row.id }, context.clock.nowMs());
    });
    context.pokeCollector();
  },
  'rebuild-references': rebuildReferences,
  'note-absent': (context, row) =>
    record(context, row.id, {
      ...reached(row),
      observed_state: 'absent',
      progress_percent: 0,
      reason: null,
    }),
};

/** A block may have been found damaged since it was referred to: then it is read and stored once more. */
async function complete(context: StorageContext, row: SnapshotRow): Promise<void> {
  if (row.written !== null && !(await closeWritten(context, row))) {
    return fail(context, row, BLOCK_DAMAGED);
  }
  const unstored = await findUnstored(context.database.query, row.id);
  if (unstored !== undefined) return record(context, row.id, { next_chunk: unstored });
  const scope = scopeOf(row);
  await storeManifest(context, row, scope);
  await thaw(context, row);
  await context.database.transaction(async (tx) => {
    await updateSnapshot(tx, row.id, {
      ...reached(row),
      observed_state: 'completed',
      progress_percent: 100,
      stored_bytes: await sumStoredBytes(tx, { scope, snapshotId: row.id }),
      reason: null,
    });
    await forgetWritten(tx, row.id);
  });
  context.changed();
  await pokeFilling(context, row.id);
  await pokePoints(context, row);
}

const ABANDONED =
  'It was not completed in time: its blocks are removed. Start another snapshot and write it again.';

const BLOCK_DAMAGED =
  'A block that it needs was found damaged while it was written. Start another snapshot and write it again.';

const SET_BROKEN =
  'A volume of the set does not exist any more, or its snapshot failed; the set has no common point in time.';

function volumeGone(row: SnapshotRow): string {
  return `The volume ${row.volume_id} does not exist any more.`;
}

const POINT_LOST =
  'The point in time was lost: the storage daemon of the volume ended before the snapshot was complete, and the volume may have been written to since. Take the snapshot again.';

async function freeze(context: StorageContext, row: SnapshotRow): Promise<void> {
  // One that had its point in time and lost it has its own again: nobody has written since.
  if (row.together !== null && row.frozen_epoch === null) return freezeSet(context, row.id);
  endMeasuring(context, [row.volume_id], SNAPSHOT_WANTED);
  await context.locks.run(row.volume_id, async () => {
    const volume = await findVolume(context.database.query, row.volume_id);
    // It may have gone while this waited for its turn; the next look sees that.
    if (volume?.observed_state !== 'ready') return;
    await ensureLayer(context, volume);
    if (volume.backend === 'rbd') await notePoint(context.database.query, row);
    const isTaken = row.point !== null && row.frozen_epoch !== null;
    const how = { tracksChanges: true, isTaken, ...(await context.keys.sealOf(volume)) };
    await context.target.freeze(row.volume_id, row.id, volume.size_bytes, how);
    await record(context, row.id, {
      frozen_epoch: volume.export_epoch,
      frozen_exported: isLetIn(volume) ? 1 : 0,
    });
  });
}

/** One that is made of an object or of another snapshot holds no volume. */
async function thaw(context: StorageContext, row: SnapshotRow): Promise<void> {
  if (row.copy_of !== null) context.pokeSnapshot(row.copy_of);
  if (row.copy_of !== null || row.source !== null) return;
  await context.locks.run(row.volume_id, () => context.target.thaw(row.volume_id, row.id));
}

async function fail(context: StorageContext, row: SnapshotRow, reason: string): Promise<void> {
  await thaw(context, row);
  await record(context, row.id, { ...reached(row), observed_state: 'failed', reason });
  await pokeFilling(context, row.id);
}

/** Volumes that wait to be filled from it. */
async function pokeFilling(context: StorageContext, id: SnapshotId): Promise<void> {
  for (const volumeId of await listVolumesFillingFrom(context.database.query, id)) {
    context.pokeVolume(volumeId);
  }
}

function reached(row: SnapshotRow): { observed_generation: number } {
  return { observed_generation: row.generation };
}

async function record(
  context: StorageContext,
  id: SnapshotId,
  changes: Updateable<SnapshotTable>,
): Promise<void> {
  await context.database.transaction((tx) => updateSnapshot(tx, id, changes));
  context.changed();
}
