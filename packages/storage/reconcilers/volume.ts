// Owns bringing volumes to what is wanted: files made, filled and removed, targets opened and closed.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { NodeId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { FillFacts } from '@ironbark/protocol/internal/block-target.ts';
import type { Updateable } from 'kysely';
import type { StorageContext } from '../app/context.ts';
import { isFinal } from '../app/final-errors.ts';
import { getGateAddress, isForGate } from '../app/gates.ts';
import { endExport, ensureLayer, openSourceOf, stopTarget } from '../app/layers.ts';
import { isLetIn, openingsOf, wantedOpenings } from '../app/openings.ts';
import { requireSpace } from '../app/space.ts';
import { listPointsOf } from '../store/points.ts';
import type { VolumeTable } from '../store/schema.ts';
import { findSnapshot, listUnfinishedSnapshots } from '../store/snapshots.ts';
import {
  findVolume,
  hasFailedToGrow,
  listVolumes,
  updateVolume,
  type VolumeRow,
} from '../store/volumes.ts';
import {
  type DesiredVolume,
  type ObservedVolume,
  planVolume,
  type VolumeStep,
} from './plan-volume.ts';
import { cloneVolume, noteCloneProgress, noteFlat, observeClone } from './volume-clone.ts';
import { fillVolume, reportProgress } from './volume-fill.ts';
import { fillsLazily, growVolume } from './volume-growth.ts';
import { closeUnwanted, openWanted } from './volume-openings.ts';

/** No volume needs more steps in a row; more than this is a plan that goes in circles. */
const MAX_STEPS = 16;
/** What is waited for pokes; this is for the poke that was lost. */
const WAIT_MS = 5_000;
/** More would only take turns at the object store. */
const FILLS_AT_A_TIME = 4;
/** How soon the end of a fill is seen. */
const FILL_POLL_MS = 500;

export function createVolumeReconciler(context: StorageContext): Reconciler {
  return {
    name: 'volume',
    listKeys: async () => (await listVolumes(context.database.query)).map((row) => row.id),
    reconcile: async (key, signal) => {
      const id = key as VolumeId;
      // Its end pokes; whoever waited for it at the lock would keep a worker from other volumes.
      if (context.measuring.has(id)) return { kind: 'again', afterMs: WAIT_MS };
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
    const desired = await readDesired(context, row);
    const observed = await observeOrTell(context, row);
    const plan = planVolume(desired, observed);
    if (plan.kind === 'settled') return settle(context, row, observed.target.fill);
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
    hasFailedToGrow: hasFailedToGrow(row),
    ...(source === undefined ? {} : { source }),
    ...(row.export_to === null ? {} : { exportTo: row.export_to }),
    ...(isForGate(context, row) ? { throughGate: true } : {}),
    openTo: wantedOpenings(row),
    ...limitsOfRow(row),
    isEncrypted: row.encrypted_for !== null,
    lacksKey: row.encrypted_for !== null && row.key_envelope === null,
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

/** Whoever has it open waits as long as its target does not answer. One that is to be deleted waits for no such target. */
async function observeOrTell(context: StorageContext, row: VolumeRow): Promise<ObservedVolume> {
  try {
    return await observe(context, row);
  } catch (error) {
    const unfinished = await listUnfinishedSnapshots(context.database.query, row.id);
    if (row.desired === 'absent' && unfinished.length === 0) {
      await context.aroundStep('volume/stop-target', () => stopTarget(context, row));
      return await observe(context, row);
    }
    const note = () => record(context, row.id, { away: 1 });
    const isNews = isLetIn(row) && row.away === 0;
    if (isNews) await context.aroundStep('volume/note-away', note);
    throw error;
  }
}

async function observe(context: StorageContext, row: VolumeRow): Promise<ObservedVolume> {
  const target = await context.target.inspect(row.id);
  const isFilling = target.fill?.state === 'running' && row.is_filled === 0;
  if (isFilling) context.filling.add(row.id);
  else context.filling.delete(row.id);
  const facts = await context.backend.inspect(row.id);
  const unfinished = await listUnfinishedSnapshots(context.database.query, row.id);
  return {
    state: row.observed_state,
    ...(facts === undefined ? {} : { sizeBytes: facts.sizeBytes }),
    target,
    ...(row.exported_to === null ? {} : { exportedTo: row.exported_to }),
    opening: row.export_epoch,
    isExportRecorded: row.export !== null,
    openings: openingsOf(row),
    unfinishedSnapshots: unfinished.length,
    fillsLazily: fillsLazily(context, row),
    isFilled: row.is_filled === 1,
    mayFill: context.filling.size < FILLS_AT_A_TIME,
    ...(await observeClone(context, row)),
  };
}

async function settle(
  context: StorageContext,
  row: VolumeRow,
  fill: FillFacts | undefined,
): Promise<ReconcileResult> {
  if (row.observed_generation !== row.generation || row.away === 1) {
    const note = () => record(context, row.id, { ...reached(row), away: 0 });
    await context.aroundStep('volume/note-reached', note);
  }
  if (row.is_clone === 1 && row.observed_state === 'ready') {
    const isGoingOn = await noteCloneProgress(context, row);
    return { kind: 'again', afterMs: isGoingOn ? FILL_POLL_MS : WAIT_MS };
  }
  if (row.is_filled === 1 || row.observed_state !== 'ready') return SETTLED;
  if (fill !== undefined) await noteProgress(context, row, fill);
  return { kind: 'again', afterMs: fill?.state === 'failed' ? WAIT_MS : FILL_POLL_MS };
}

/** Not a step: it is for people. What has failed is tried again, since a block may have been mended. */
async function noteProgress(
  context: StorageContext,
  row: VolumeRow,
  fill: FillFacts,
): Promise<void> {
  const reason = fill.state === 'failed' ? FILL_FAILED : null;
  if (row.progress_percent !== fill.percent || row.reason !== reason) {
    await record(context, row.id, { progress_percent: fill.percent, reason });
  }
  if (fill.state === 'failed') await context.target.fill(row.id);
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
    if (OPENING.has(step)) await noteNotOpen(context, row, error);
    if (!isFinal(error)) throw error;
    context.logger.warn('volume step failed for good', { id: row.id, step, error });
    await FAILURES[step]?.(context, row, error.message);
    if (FAILURES[step] === undefined) throw error;
  }
}

const OPENING: ReadonlySet<VolumeStep> = new Set(['export', 'open', 'layer']);

/** Nobody waits for the first opening. */
function noteNotOpen(context: StorageContext, row: VolumeRow, error: unknown): Promise<void> {
  const reason = isServiceError(error, 'unavailable') ? error.message : NOT_OPEN;
  return record(context, row.id, { reason, away: isLetIn(row) ? 1 : 0 });
}

const FILL_FAILED =
  'A block of the snapshot that the volume was made from is damaged: reading it is an error. The rest is there.';
const NOT_OPEN = 'The volume cannot be opened at the moment; it is tried again. The log says why.';

type Apply = (context: StorageContext, row: VolumeRow, signal: AbortSignal) => Promise<void>;

const STEPS: Readonly<Record<VolumeStep, Apply>> = {
  'make-key': (context, row) => context.keys.ensureVolumeKey(row),
  create: async (context, row, signal) => {
    await requireSpace(context.backend, row, await listVolumes(context.database.query));
    const onProgress = reportProgress(context, row);
    await context.backend.create(row.id, row.size_bytes, { signal, onProgress });
  },
  fill: async (context, row, signal) => {
    await requireSpace(context.backend, row, await listVolumes(context.database.query));
    await fillVolume(context, row, signal);
  },
  clone: cloneVolume,
  flatten: async (context, row) => await context.staged.rbd?.points?.flatten(row.id),
  'note-flat': noteFlat,
  'create-empty': createEmpty,
  'note-ready': noteReady,
  layer: ensureLayer,
  'start-fill': (context, row) => context.target.fill(row.id),
  'note-filled': async (context, row) => {
    await context.target.flush(row.id);
    await context.backend.sync(row.id);
    const whole = { is_filled: 1, source_name: null, written_bytes: null };
    await record(context, row.id, { ...whole, progress_percent: 100, reason: null });
    if (row.from_snapshot_id !== null) context.pokeSnapshot(row.from_snapshot_id);
  },
  unlayer: (context, row) => context.target.unlayer(row.id),
  'note-lost': (context, row) =>
    fail(
      context,
      row,
      'The volume is gone from the storage: its file was removed or its disk lost.',
    ),
  'note-source-unusable': (context, row) =>
    fail(context, row, `The snapshot ${row.from_snapshot_id} cannot be used.`),
  grow: growVolume,
  export: exportVolume,
  limit: async (context, row) => {
    const { limits } = limitsOfRow(row);
    if (limits !== undefined) await context.target.limit(row.id, limits);
  },
  unexport: async (context, row) => {
    await endExport(context, row);
    await record(context, row.id, { exported_to: null, export: null, away: 0 });
  },
  open: openWanted,
  close: (context, row) => {
    const isWanted = row.desired === 'present' && row.observed_state === 'ready';
    return closeUnwanted(context, row, isWanted ? wantedOpenings(row) : []);
  },
  'stop-target': stopTarget,
  remove: async (context, row) => {
    // A target that died by itself, or was stopped halfway, has left files of its own.
    await stopTarget(context, row);
    await context.target.unlayer(row.id);
    await context.backend.remove(row.id);
  },
  'note-absent': async (context, row) => {
    await stopTarget(context, row);
    // One whose file was lost may still have a map, and one that failed while it was made its disk.
    if (row.is_filled === 0) await context.target.unlayer(row.id);
    if (row.backend !== 'file') await context.backend.remove(row.id);
    const absent = { observed_state: 'absent', progress_percent: 0, reason: null } as const;
    await record(context, row.id, { ...reached(row), ...absent });
    for (const { id } of await listPointsOf(context.database.query, row.id)) {
      context.pokeSnapshot(id);
    }
    if (row.from_snapshot_id !== null) context.pokeSnapshot(row.from_snapshot_id);
  },
};

/** What a final failure means, by step. A step that is not listed is repeated whatever happens. */
const FAILURES: Partial<
  Record<VolumeStep, (context: StorageContext, row: VolumeRow, reason: string) => Promise<void>>
> = {
  create: fail,
  'create-empty': fail,
  fill: fail,
  // What holds bytes is not given up for being too short: it is as it was, and whoever has it goes on.
  grow: (context, row, reason) =>
    record(context, row.id, { failed_growth: row.generation, growth_problem: reason }),
};

/** All of its bytes are to come yet, which is known before there is a file. */
async function createEmpty(context: StorageContext, row: VolumeRow): Promise<void> {
  await requireSpace(context.backend, row, await listVolumes(context.database.query));
  await record(context, row.id, { is_filled: 0, source_name: await nameSource(context, row) });
  await context.backend.create(row.id, row.size_bytes, { isMapped: true });
}

/** Null: zeros. */
async function nameSource(context: StorageContext, row: VolumeRow): Promise<string | null> {
  if (row.from_snapshot_id === null) return null;
  await openSourceOf(context, row);
  return context.random.bytes(16).toString('hex');
}

async function noteReady(context: StorageContext, row: VolumeRow): Promise<void> {
  if (row.encrypted_for !== null) {
    const facts = await context.backend.inspect(row.id);
    if (facts !== undefined) await record(context, row.id, { sealed_bytes: facts.sizeBytes });
  }
  const ready = { observed_state: 'ready', reason: null } as const;
  const progress_percent = row.is_filled === 1 && row.is_clone === 0 ? 100 : 0;
  await record(context, row.id, { ...ready, progress_percent });
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
  await ensureLayer(context, row);
  const sealed = await context.keys.sealOf(row);
  const gate = isForGate(context, row) ? { gateAddress: getGateAddress(context) } : {};
  const how = { opening, ...limitsOfRow(row), ...sealed, ...gate };
  const exported = await context.target.export(row.id, how);
  const place = { export: JSON.stringify(exported.export), engine: exported.engine };
  // One that is still to become longer is not what was wished.
  const { sizeBytes = 0 } = (await context.backend.inspect(row.id)) ?? {};
  const isThere = sizeBytes >= row.size_bytes || hasFailedToGrow(row);
  const news = { ...(isThere ? reached(row) : {}), ...place, reason: null, away: 0 };
  await record(context, row.id, news);
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
