// Owns a volume's life at the storage: told what to be until it is, and dropped when it is gone.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type {
  InstanceOpening,
  StorageVolumeIntent,
} from '@ironbark/protocol/internal/storage-client.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { findBackend } from '../app/volume-backends.ts';
import { limitsOfShape } from '../app/volume-shape.ts';
import { listAttachmentsOfVolume } from '../store/attachments.ts';
import type { VolumeRow } from '../store/schema.ts';
import { findSnapshot, listRunningSnapshots } from '../store/snapshots.ts';
import { deleteTags } from '../store/tags.ts';
import { deleteModification } from '../store/volume-modifications.ts';
import { deleteVolume, findVolume, listVolumeIds } from '../store/volumes.ts';
import { SentGenerations } from './sent-generations.ts';

export type VolumeStep = 'wait-for-snapshots' | 'send' | 'forget';

/** A snapshot pokes its volume when it is done; this is for the poke that got lost. */
const SNAPSHOTS_AGAIN_MS = 2_000;

export function planVolume(
  volume: Pick<VolumeRow, 'desired' | 'generation' | 'observedGeneration' | 'observedState'>,
  runningSnapshots: number,
): VolumeStep {
  if (volume.desired === 'present') return 'send';
  const isReached = volume.observedGeneration >= volume.generation;
  if (isReached && volume.observedState === 'absent') return 'forget';
  return runningSnapshots > 0 ? 'wait-for-snapshots' : 'send';
}

export function createVolumeReconciler(app: App): Reconciler {
  const sent = new SentGenerations<VolumeId>(app.clock);
  return {
    name: 'volume',
    listKeys: () => listVolumeIds(app.store.query),
    reconcile: (key) => reconcileVolume(app, sent, key as VolumeId),
  };
}

async function reconcileVolume(
  app: App,
  sent: SentGenerations<VolumeId>,
  id: VolumeId,
): Promise<ReconcileResult> {
  const volume = await findVolume(app.store.query, id);
  if (volume === undefined) return SETTLED;
  const snapshots = await listRunningSnapshots(app.store.query, id);
  switch (planVolume(volume, snapshots.length)) {
    case 'wait-for-snapshots':
      return { kind: 'again', afterMs: SNAPSHOTS_AGAIN_MS };
    case 'forget':
      await app.aroundStep('volume/forget', () => forget(app, volume));
      sent.forget(id);
      return SETTLED;
    case 'send':
      return send(app, sent, volume);
  }
}

async function send(
  app: App,
  sent: SentGenerations<VolumeId>,
  volume: VolumeRow,
): Promise<ReconcileResult> {
  const { id, generation, observedGeneration } = volume;
  if (sent.isDue(id, generation, observedGeneration)) {
    const intent = { volumes: [await composeVolumeIntent(app, volume)], snapshots: [] };
    await app.aroundStep('volume/send', () => app.storage.putIntents(intent));
    sent.record(id, generation);
  }
  return sent.next(generation, observedGeneration);
}

async function composeVolumeIntent(app: App, volume: VolumeRow): Promise<StorageVolumeIntent> {
  const { id, generation, desired, snapshotId, desiredExportTo } = volume;
  const snapshot =
    snapshotId === null ? undefined : await findSnapshot(app.store.query, snapshotId);
  // The storage knows a copy by what it is a copy of.
  const source = snapshot?.contentId ?? snapshotId;
  const backend = await findBackend(app.store.query, id);
  // Read after the volume: never older than its generation, and a newer one is sent soon.
  const openTo = await listOpenings(app, id);
  return {
    id,
    generation,
    desired,
    sizeBytes: volume.sizeGib * GIB,
    ...(source === null ? {} : { fromSnapshotId: source }),
    ...(backend === undefined ? {} : { backend }),
    limits: limitsOfShape(volume),
    ...(desiredExportTo === null ? {} : { exportTo: desiredExportTo }),
    ...(openTo.length === 0 || desired === 'absent' ? {} : { openTo }),
    ...(volume.encrypted === 1 ? { encryptedFor: volume.accountId } : {}),
  };
}

/** Of instances that each have an opening of their own. */
async function listOpenings(app: App, id: VolumeId): Promise<InstanceOpening[]> {
  const attachments = await listAttachmentsOfVolume(app.store.query, id);
  return attachments.flatMap(({ shared, instanceId, exportTo }) =>
    shared === 0 || exportTo === null ? [] : [{ instanceId, nodeId: exportTo }],
  );
}

async function forget(app: App, volume: VolumeRow): Promise<void> {
  await app.storage.forget({ volumes: [volume.id], snapshots: [] });
  await change(app, async ({ tx, touched }) => {
    await deleteVolume(tx, volume.id);
    await deleteTags(tx, volume.id);
    await deleteModification(tx, volume.id);
    if (volume.snapshotId !== null) touched.snapshots.add(volume.snapshotId);
  });
}
