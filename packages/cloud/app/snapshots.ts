// Owns the rules of snapshots.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import { findAttachment } from '../store/attachments.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { findSnapshot, findSnapshots, insertSnapshot, updateSnapshot } from '../store/snapshots.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { notFound, refuse } from './refusals.ts';
import { viewVolumeState } from './volume-view.ts';
import { getVolume } from './volumes.ts';

export async function takeSnapshot(
  app: App,
  caller: Caller,
  { tx, nowMs, touched }: Change,
  wanted: { volumeId: VolumeId; description: string },
): Promise<SnapshotRow> {
  const volume = await getVolume(tx, caller, wanted.volumeId);
  const state = viewVolumeState(volume, await findAttachment(tx, volume.id));
  if (volume.observedState !== 'ready' || state === 'deleting') {
    throw refuse(
      'incorrect-state',
      'volume',
      `Volume '${volume.id}' is '${state}'; snapshots can be taken of volumes that are 'available' or 'in-use'.`,
    );
  }
  const id = newId(app.random, 'snap');
  await insertSnapshot(tx, {
    id,
    accountId: caller.accountId,
    volumeId: volume.id,
    volumeSizeGib: volume.sizeGib,
    description: wanted.description,
    createdAt: nowMs,
    generation: 1,
    desired: 'present',
    observedGeneration: 0,
    observedProgress: 0,
    storedBytes: 0,
  });
  touched.snapshots.add(id);
  return (await findSnapshot(tx, id))!;
}

export async function removeSnapshot(
  { accountId }: Caller,
  { tx, touched }: Change,
  id: SnapshotId,
): Promise<void> {
  const [snapshot] = await findSnapshots(tx, accountId, [id]);
  if (snapshot === undefined || snapshot.desired === 'absent') {
    throw notFound('snapshot', 'snapshot', [id]);
  }
  await updateSnapshot(tx, id, { desired: 'absent', generation: snapshot.generation + 1 });
  touched.snapshots.add(id);
}
