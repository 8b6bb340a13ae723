// Owns the way of a volume's change from the storage to the guest that has the volume.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { type Change, change } from '../app/change.ts';
import { type ModificationStep, planModification } from '../app/modification-plan.ts';
import { findAttachment } from '../store/attachments.ts';
import { findInstance, raiseGeneration } from '../store/instances.ts';
import type {
  AttachmentRow,
  InstanceRow,
  VolumeModificationRow,
  VolumeRow,
} from '../store/schema.ts';
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
  attachment: AttachmentRow | undefined;
  instance: InstanceRow | undefined;
}

async function loadRows(db: Queries, id: VolumeId): Promise<Rows | undefined> {
  const modification = await findModification(db, id);
  const volume = await findVolume(db, id);
  const isOver = modification === undefined || modification.endedAt !== null;
  if (isOver || volume === undefined) return undefined;
  const attachment = await findAttachment(db, id);
  const instance =
    attachment === undefined ? undefined : await findInstance(db, attachment.instanceId);
  return { modification, volume, attachment, instance };
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

/** Tells the node of whoever has it attached how long it is now. */
async function offer({ tx, touched }: Change, { volume, attachment }: Rows): Promise<void> {
  const hasGrown = volume.offeredSizeGib !== null;
  await updateVolume(tx, volume.id, { offeredSizeGib: null });
  if (attachment === undefined || !hasGrown) {
    return updateModification(tx, volume.id, { state: 'optimizing' });
  }
  const { instanceId } = attachment;
  const instanceGeneration = await raiseGeneration(tx, instanceId);
  await updateModification(tx, volume.id, { state: 'optimizing', instanceId, instanceGeneration });
  touched.instances.add(instanceId);
}
