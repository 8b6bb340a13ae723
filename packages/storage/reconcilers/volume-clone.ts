// Owns volumes that the storage makes of a point in time that it still has: there at once, and made independent of it
// behind their guests. Others of the same snapshot are filled from the object store.

import type { StorageContext } from '../app/context.ts';
import { findSnapshot, type SnapshotRow, updateSnapshot } from '../store/snapshots.ts';
import { findVolume, updateVolume, type VolumeRow } from '../store/volumes.ts';
import type { ObservedVolume } from './plan-volume.ts';
import { getPoints } from './snapshot-point.ts';

export async function observeClone(
  context: StorageContext,
  row: VolumeRow,
): Promise<Pick<ObservedVolume, 'mayClone' | 'clone'>> {
  if (row.backend !== 'rbd' || row.desired === 'absent') return {};
  if (row.observed_state === 'creating') {
    return { mayClone: (await findParent(context, row)) !== undefined };
  }
  if (row.observed_state !== 'ready' || row.is_clone === 0) return {};
  try {
    return { clone: await getPoints(context).inspectClone(row.id) };
  } catch (error) {
    // Whoever is let in or cut off must not wait for it.
    context.logger.warn('a clone cannot be looked at', { id: row.id, error });
    return { clone: { state: 'failed', percent: row.progress_percent } };
  }
}

/** An encrypted volume has a key of its own, which does not open what another one wrote. */
async function findParent(
  { database }: StorageContext,
  row: VolumeRow,
): Promise<SnapshotRow | undefined> {
  if (row.from_snapshot_id === null || row.encrypted_for !== null) return undefined;
  const snapshot = await findSnapshot(database.query, row.from_snapshot_id);
  if (snapshot === undefined || snapshot.point === null) return undefined;
  const isWhole = snapshot.observed_state === 'completed' && snapshot.desired === 'present';
  if (!isWhole || snapshot.volume_size_bytes > row.size_bytes) return undefined;
  const parent = await findVolume(database.query, snapshot.volume_id);
  const isThere = parent?.desired === 'present' && parent.encrypted_for === null;
  return isThere ? snapshot : undefined;
}

export async function cloneVolume(context: StorageContext, row: VolumeRow): Promise<void> {
  const snapshot = await findParent(context, row);
  if (snapshot === undefined) return;
  const { query } = context.database;
  // Before it is there, so that there is no clone of which nothing is known.
  await updateVolume(query, row.id, { is_clone: 1 });
  const from = { id: snapshot.volume_id, snapshotId: snapshot.id };
  const sizes = { pointBytes: snapshot.volume_size_bytes, sizeBytes: row.size_bytes };
  if (await getPoints(context).clone(row.id, from, sizes)) return;
  // It went meanwhile: the object store has it.
  await updateVolume(query, row.id, { is_clone: 0 });
  await updateSnapshot(query, snapshot.id, { point: null });
}

export async function noteFlat(context: StorageContext, row: VolumeRow): Promise<void> {
  await getPoints(context).tidy();
  await updateVolume(context.database.query, row.id, { is_clone: 0, progress_percent: 100 });
  context.changed();
}

/** Not a step: it is for people. False when it has failed and has to wait. */
export async function noteCloneProgress(context: StorageContext, row: VolumeRow): Promise<boolean> {
  const { clone } = await observeClone(context, row);
  if (clone?.state !== 'running') return clone?.state !== 'failed';
  // All of it is there only once its end is noted.
  const percent = Math.min(clone.percent, 99);
  if (percent !== row.progress_percent) {
    await updateVolume(context.database.query, row.id, { progress_percent: percent });
    context.changed();
  }
  return true;
}
