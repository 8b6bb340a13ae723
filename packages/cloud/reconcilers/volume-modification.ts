// Owns the way of a volume's change from the storage to the guests that have the volume.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { type Change, change } from '../app/change.ts';
import { type ModificationStep, planModification, type ShownTo } from '../app/modification-plan.ts';
import { listAttachmentsOfVolume } from '../store/attachments.ts';
import { findInstance, raiseGeneration } from '../store/instances.ts';
import type { InstanceRow, VolumeModificationRow, VolumeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import {
  findModification,
  listUnfinishedModifications,
  updateModification,
} from '../store/volume-modifications.ts';
import { findVolume, updateVolume } from '../store/volumes.ts';

/** The storage and the node poke this; it is for the poke that got lost. */
const AGAIN_MS = 2_000;

export function createVolumeModification(app: App): Reconciler {
  return {
    name: 'volume-modification',
    listKeys: () => listUnfinishedModifications(app.store.query),
    reconcile: (key) => reconcileModification(app, key as VolumeId),
  };
}

interface Rows {
  modification: VolumeModificationRow;
  volume: VolumeRow;
  /** That have the volume. */
  instances: InstanceRow[];
}

async function loadRows(db: Queries, id: VolumeId): Promise<Rows | undefined> {
  const modification = await findModification(db, id);
  const volume = await findVolume(db, id);
  const isOver = modification === undefined || modification.endedAt !== null;
  if (isOver || volume === undefined) return undefined;
  const instances: InstanceRow[] = [];
  for (const { instanceId } of await listAttachmentsOfVolume(db, id)) {
    const instance = await findInstance(db, instanceId);
    if (instance !== undefined) instances.push(instance);
  }
  return { modification, volume, instances };
}

async function reconcileModification(app: App, id: VolumeId): Promise<ReconcileResult> {
  const rows = await loadRows(app.store.query, id);
  if (rows === undefined) return SETTLED;
  const step = planModification(rows);
  if (step === 'wait') return { kind: 'again', afterMs: AGAIN_MS };
  await app.aroundStep(`volume-modification/${step}`, () => takeNextStep(app, id));
  return { kind: 'again', afterMs: 0 };
}

function takeNextStep(app: App, id: VolumeId): Promise<void> {
  return change(app, async (inside) => {
    const rows = await loadRows(inside.tx, id);
    if (rows !== undefined) await applyStep(inside, rows, planModification(rows));
  });
}

async function applyStep(inside: Change, rows: Rows, step: ModificationStep): Promise<void> {
  const { tx, nowMs } = inside;
  const { id, observedReason } = rows.volume;
  switch (step) {
    case 'wait':
      return;
    case 'offer':
      return offer(inside, rows);
    case 'complete':
      return updateModification(tx, id, { state: 'completed', endedAt: nowMs });
    case 'fail': {
      const reason = observedReason ?? 'The volume is gone.';
      return updateModification(tx, id, { state: 'failed', endedAt: nowMs, reason });
    }
  }
}

/** Tells the nodes of all that have it attached how long it is now. */
async function offer({ tx, touched }: Change, { volume, instances }: Rows): Promise<void> {
  const hasGrown = volume.offeredSizeGib !== null;
  await updateVolume(tx, volume.id, { offeredSizeGib: null });
  const shownTo: ShownTo[] = [];
  for (const { id: instanceId } of hasGrown ? instances : []) {
    shownTo.push({ instanceId, generation: await raiseGeneration(tx, instanceId) });
    touched.instances.add(instanceId);
  }
  const told = JSON.stringify(shownTo);
  await updateModification(tx, volume.id, { state: 'optimizing', instances: told });
}
