// Owns bringing volumes to what is wanted: files made, filled and removed, targets opened and closed.

import type { NodeId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { Updateable } from 'kysely';
import type { StorageContext } from '../app/context.ts';
import { isFinal } from '../app/final-errors.ts';
import { requireSpace } from '../app/space.ts';
import type { VolumeTable } from '../store/schema.ts';
import { findSnapshot, listUnfinishedSnapshots } from '../store/snapshots.ts';
import { findVolume, listVolumes, updateVolume, type VolumeRow } from '../store/volumes.ts';
import {
  type DesiredVolume,
  type ObservedVolume,
  planVolume,
  type VolumeStep,
} from './plan-volume.ts';
import { fillVolume, reportProgress } from './volume-fill.ts';

/** No volume needs more steps in a row; more than this is a plan that goes in circles. */
const MAX_STEPS = 16;
/** What is waited for pokes; this is for the poke that was lost. */
const WAIT_MS = 5_000;

export function createVolumeReconciler(context: StorageContext): Reconciler {
  return {
    name: 'volume',
    listKeys: async () => (await listVolumes(context.database.query)).map((row) => row.id),
    reconcile: (key, signal) => {
      const id = key as VolumeId;
      return context.locks.run(id, () => reconcileVolume(context, id, signal));
    },
  };
}

async function reconcileVolume(
  context: StorageContext,
  id: VolumeId,
  signal: AbortSignal,
): Promise<ReconcileResult> {
  for (let steps = 0; steps < MAX_STEPS; steps++) {
    signal.throwIfAborted();
    const row = await findVolume(context.database.query, id);
    if (row === undefined) return SETTLED;
    const plan = planVolume(await readDesired(context, row), await observeOrTell(context, row));
    if (plan.kind === 'settled') return settle(context, row);
    if (plan.kind === 'wait') return { kind: 'again', afterMs: WAIT_MS };
    await applyStep(context, row, plan.step, signal);
  }
  throw new Error(`${id} did not settle in ${MAX_STEPS} steps`);
}

async function readDesired(context: StorageContext, row: VolumeRow): Promise<DesiredVolume> {
  const source = await readSource(context, row);
  return {
    presence: row.desired,
    sizeBytes: row.size_bytes,
    ...(source === undefined ? {} : { source }),
    ...(row.export_to === null ? {} : { exportTo: row.export_to }),
    ...limitsOfRow(row),
  };
}

function limitsOfRow({ limits }: VolumeRow): { limits?: VolumeLimits } {
  return limits === null ? {} : { limits: JSON.parse(limits) as VolumeLimits };
}

async function readSource(
  context: StorageContext,
  row: VolumeRow,
): Promise<DesiredVolume['source']> {
  if (row.from_snapshot_id === null || row.observed_state !== 'creating') return undefined;
  const snapshot = await findSnapshot(context.database.query, row.from_snapshot_id);
  // One that was taken elsewhere has no row here; its manifest tells.
  if (snapshot === undefined || snapshot.observed_state === 'completed') return 'complete';
  const coming = snapshot.observed_state === 'pending' && snapshot.desired === 'present';
  return coming ? 'unfinished' : 'unusable';
}

/** Whoever has it open waits as long as its target does not answer. */
async function observeOrTell(context: StorageContext, row: VolumeRow): Promise<ObservedVolume> {
  try {
    return await observe(context, row);
  } catch (error) {
    const note = () => record(context, row.id, { away: 1 });
    const isNews = row.exported_to !== null && row.away === 0;
    if (isNews) await context.aroundStep('volume/note-away', note);
    throw error;
  }
}

async function observe(context: StorageContext, row: VolumeRow): Promise<ObservedVolume> {
  const facts = await context.backend.inspect(row.id);
  const unfinished = await listUnfinishedSnapshots(context.database.query, row.id);
  return {
    state: row.observed_state,
    ...(facts === undefined ? {} : { sizeBytes: facts.sizeBytes }),
    target: await context.target.inspect(row.id),
    ...(row.exported_to === null ? {} : { exportedTo: row.exported_to }),
    opening: row.export_epoch,
    isExportRecorded: row.export !== null,
    unfinishedSnapshots: unfinished.length,
  };
}

async function settle(context: StorageContext, row: VolumeRow): Promise<ReconcileResult> {
  if (row.observed_generation !== row.generation || row.away === 1) {
    const note = () => record(context, row.id, { ...reached(row), away: 0 });
    await context.aroundStep('volume/note-reached', note);
  }
  return SETTLED;
}

async function applyStep(
  context: StorageContext,
  row: VolumeRow,
  step: VolumeStep,
  signal: AbortSignal,
): Promise<void> {
  try {
    await context.aroundStep(`volume/${step}`, () => STEPS[step](context, row, signal));
  } catch (error) {
    if (step === 'export') await noteNotOpen(context, row);
    if (!isFinal(error)) throw error;
    context.logger.warn('volume step failed for good', { id: row.id, step, error });
    await FAILURES[step]?.(context, row, error.message);
    // What holds bytes is not given up for being too short: there may be room later.
    if (step === 'grow') await record(context, row.id, { reason: error.message });
    if (FAILURES[step] === undefined) throw error;
  }
}

/** Nobody waits for the first opening. */
function noteNotOpen(context: StorageContext, row: VolumeRow): Promise<void> {
  return record(context, row.id, { reason: NOT_OPEN, away: row.exported_to === null ? 0 : 1 });
}

const NOT_OPEN = 'The volume cannot be opened at the moment; it is tried again. The log says why.';

type Apply = (context: StorageContext, row: VolumeRow, signal: AbortSignal) => Promise<void>;

const STEPS: Readonly<Record<VolumeStep, Apply>> = {
  create: async (context, row, signal) => {
    await requireSpace(context.backend, row, await listVolumes(context.database.query));
    const onProgress = reportProgress(context, row);
    await context.backend.create(row.id, row.size_bytes, { signal, onProgress });
  },
  fill: async (context, row, signal) => {
    await requireSpace(context.backend, row, await listVolumes(context.database.query));
    await fillVolume(context, row, signal);
  },
  'note-ready': noteReady,
  'note-lost': (context, row) =>
    fail(
      context,
      row,
      'The volume is gone from the storage: its file was removed or its disk lost.',
    ),
  'note-source-unusable': (context, row) =>
    fail(context, row, `The snapshot ${row.from_snapshot_id} cannot be used.`),
  grow: async (context, row) => {
    await context.backend.grow(row.id, row.size_bytes);
    await context.target.grow(row.id, row.size_bytes);
    if (row.reason !== null) await record(context, row.id, { reason: null });
  },
  export: exportVolume,
  limit: async (context, row) => {
    const { limits } = limitsOfRow(row);
    if (limits !== undefined) await context.target.limit(row.id, limits);
  },
  unexport: async (context, row) => {
    await context.target.unexport(row.id);
    await record(context, row.id, { exported_to: null, export: null, away: 0 });
  },
  'stop-target': (context, row) => context.target.stop(row.id),
  remove: async (context, row) => {
    // A target that died by itself, or was stopped halfway, has left files of its own.
    await context.target.stop(row.id);
    await context.backend.remove(row.id);
  },
  'note-absent': async (context, row) => {
    await context.target.stop(row.id);
    // One that failed while it was made may still have its disk.
    if (row.backend !== 'file') await context.backend.remove(row.id);
    const absent = { observed_state: 'absent', progress_percent: 0, reason: null } as const;
    await record(context, row.id, { ...reached(row), ...absent });
  },
};

/** What a final failure means, by step. A step that is not listed is repeated whatever happens. */
const FAILURES: Partial<
  Record<VolumeStep, (context: StorageContext, row: VolumeRow, reason: string) => Promise<void>>
> = {
  create: fail,
  fill: fail,
};

async function noteReady(context: StorageContext, row: VolumeRow): Promise<void> {
  const ready = { observed_state: 'ready', progress_percent: 100, reason: null } as const;
  await record(context, row.id, ready);
  for (const snapshot of await listUnfinishedSnapshots(context.database.query, row.id)) {
    context.pokeSnapshot(snapshot.id);
  }
  if (row.from_snapshot_id !== null) context.pokeSnapshot(row.from_snapshot_id);
}

async function fail(context: StorageContext, row: VolumeRow, reason: string): Promise<void> {
  await record(context, row.id, { ...reached(row), observed_state: 'failed', reason });
  if (row.from_snapshot_id !== null) context.pokeSnapshot(row.from_snapshot_id);
}

/** Who is let in is written down first, so that nobody is in of whom the record does not know. */
async function exportVolume(context: StorageContext, row: VolumeRow): Promise<void> {
  const exportTo = row.export_to as NodeId;
  const isNew = row.exported_to !== exportTo;
  const opening = isNew ? row.export_epoch + 1 : row.export_epoch;
  if (isNew) {
    const changes = { exported_to: exportTo, export: null, export_epoch: opening };
    await updateVolume(context.database.query, row.id, changes);
  }
  const exported = await context.target.export(row.id, { opening, ...limitsOfRow(row) });
  const place = { export: JSON.stringify(exported.export), engine: exported.engine };
  await record(context, row.id, { ...reached(row), ...place, reason: null, away: 0 });
}

function reached(row: VolumeRow): { observed_generation: number } {
  return { observed_generation: row.generation };
}

async function record(
  context: StorageContext,
  id: VolumeId,
  changes: Updateable<VolumeTable>,
): Promise<void> {
  await context.database.transaction((tx) => updateVolume(tx, id, changes));
  context.changed();
}
