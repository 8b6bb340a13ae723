// Owns the way of a volume to its instance and back: takes every step that can be taken now.

import type { NodeId, VolumeId } from '@ironbark/core/ids.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { type AttachmentStep, planAttachment } from '../app/attachment-plan.ts';
import { type Change, change } from '../app/change.ts';
import { failInstance } from '../app/instance-outcome.ts';
import { volumeFor } from '../app/shared-volumes.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import {
  deleteAttachment,
  listAttachmentsOfVolume,
  updateAttachment,
} from '../store/attachments.ts';
import { findInstance, raiseGeneration } from '../store/instances.ts';
import type { AttachmentRow, InstanceRow, VolumeRow } from '../store/schema.ts';
import { findSnapshot } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import { changeVolume, findVolume, listVolumeIds } from '../store/volumes.ts';

export function createVolumeAttachment(app: App): Reconciler {
  return {
    name: 'volume-attachment',
    listKeys: () => listVolumeIds(app.store.query),
    reconcile: (key) => reconcileAttachment(app, key as VolumeId),
  };
}

interface Rows {
  attachment: AttachmentRow;
  volume: VolumeRow;
  instance: InstanceRow | undefined;
  /** Other instances have the volume too. */
  isShared: boolean;
}

/** One for each instance that has the volume. */
async function loadRows(db: Queries, id: VolumeId): Promise<Rows[]> {
  const attachments = await listAttachmentsOfVolume(db, id);
  if (attachments.length === 0) return [];
  const volume = await findVolume(db, id);
  if (volume === undefined) throw new Error(`attachment of ${id} without its volume`);
  const isShared = attachments.length > 1;
  const rows: Rows[] = [];
  for (const attachment of attachments) {
    const instance = await findInstance(db, attachment.instanceId);
    rows.push({ attachment, volume, instance, isShared });
  }
  return rows;
}

function plan({ attachment, volume, instance, isShared }: Rows): AttachmentStep {
  return planAttachment(attachment, volumeFor(attachment, volume), instance, isShared);
}

/** The first that can be taken now, whichever instance it is about. */
function planNext(all: readonly Rows[]): { rows: Rows; step: AttachmentStep } | undefined {
  const planned = all.map((rows) => ({ rows, step: plan(rows) }));
  return planned.find(({ step }) => step.kind !== 'wait');
}

async function reconcileAttachment(app: App, id: VolumeId): Promise<ReconcileResult> {
  // Most looks find nothing to do; those need no transaction.
  const next = planNext(await loadRows(app.store.query, id));
  if (next === undefined) return SETTLED;
  await app.aroundStep(`volume-attachment/${next.step.kind}`, () => takeNextStep(app, id));
  return { kind: 'again', afterMs: 0 };
}

function takeNextStep(app: App, id: VolumeId): Promise<void> {
  return change(app, async (inside) => {
    const next = planNext(await loadRows(inside.tx, id));
    if (next !== undefined) await applyStep(inside, next.rows, next.step);
  });
}

async function applyStep(inside: Change, rows: Rows, step: AttachmentStep): Promise<void> {
  const { tx, touched } = inside;
  const { attachment, volume, instance } = rows;
  touched.volumes.add(volume.id);
  switch (step.kind) {
    case 'wait':
      return;
    case 'export':
      return changeAccess(inside, rows, step.nodeId);
    case 'unexport':
      return changeAccess(inside, rows, null);
    case 'offer':
      return changeOffer(inside, attachment, step.export);
    case 'withdraw':
      return changeOffer(inside, attachment, null);
    case 'mark-attached':
      return updateAttachment(tx, attachment, { observed: 'attached' });
    case 'fail-launch':
      return failInstance(inside, instance!, await failureCode(inside, volume), step.reason);
    case 'finish':
      return finish(inside, rows, step.deleteVolume);
  }
}

async function changeAccess(
  { tx }: Change,
  { attachment, volume }: Rows,
  nodeId: NodeId | null,
): Promise<void> {
  if (attachment.shared === 0) return changeVolume(tx, volume.id, { desiredExportTo: nodeId });
  await updateAttachment(tx, attachment, { exportTo: nodeId });
  await changeVolume(tx, volume.id, {});
}

/** EC2's word for a volume whose snapshot is not there any more. */
async function failureCode({ tx }: Change, { snapshotId }: VolumeRow): Promise<string> {
  if (snapshotId === null) return 'Server.InternalError';
  const snapshot = await findSnapshot(tx, snapshotId);
  const isThere = snapshot?.desired === 'present' && viewSnapshotState(snapshot) === 'completed';
  return isThere ? 'Server.InternalError' : 'Client.InvalidSnapshot.NotFound';
}

async function changeOffer(
  { tx, touched }: Change,
  attachment: AttachmentRow,
  offeredExport: string | null,
): Promise<void> {
  const generation = await raiseGeneration(tx, attachment.instanceId);
  const withdrawnGeneration = offeredExport === null ? generation : null;
  await updateAttachment(tx, attachment, { offeredExport, withdrawnGeneration });
  touched.instances.add(attachment.instanceId);
}

async function finish({ tx, touched }: Change, rows: Rows, deleteVolume: boolean): Promise<void> {
  const { volume, attachment } = rows;
  await deleteAttachment(tx, attachment);
  touched.instances.add(attachment.instanceId);
  if (!deleteVolume) return;
  await changeVolume(tx, volume.id, { desired: 'absent', desiredExportTo: null });
}
