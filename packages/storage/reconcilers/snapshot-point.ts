// Owns how long the storage itself keeps a point in time: until the snapshot is complete, and then as long as it is the
// newest complete one of its volume, which the next one is compared with, and volumes are cloned from.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { StoragePoints } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageContext } from '../app/context.ts';
import { listPointsOf } from '../store/points.ts';
import { type SnapshotRow, updateSnapshot } from '../store/snapshots.ts';
import { findVolume, listVolumesToMakeFrom } from '../store/volumes.ts';
import type { ObservedSnapshot } from './plan-snapshot.ts';

export async function observePoint(
  context: StorageContext,
  row: SnapshotRow,
): Promise<Pick<ObservedSnapshot, 'point'>> {
  if (row.point === null) return {};
  return { point: (await isNeeded(context, row)) ? 'needed' : 'unneeded' };
}

async function isNeeded({ database }: StorageContext, row: SnapshotRow): Promise<boolean> {
  const { query } = database;
  const volume = await findVolume(query, row.volume_id);
  // Its image goes, and all points with it.
  if (volume === undefined || volume.desired === 'absent') return row.observed_state === 'pending';
  if (row.desired === 'absent' || row.observed_state === 'failed') return false;
  if (row.observed_state === 'pending') return true;
  const all = await listPointsOf(query, row.volume_id);
  const newest = all.find(isComplete);
  return newest?.id === row.id || (await listVolumesToMakeFrom(query, row.id)).length > 0;
}

function isComplete({ desired, observed_state: state }: SnapshotRow): boolean {
  return desired === 'present' && state === 'completed';
}

export async function dropPoint(context: StorageContext, row: SnapshotRow): Promise<void> {
  await getPoints(context).drop({ id: row.volume_id, snapshotId: row.id });
  await updateSnapshot(context.database.query, row.id, { point: null });
}

/** Those that may not be needed any more, since a newer one is there or the volume goes. */
export async function pokePoints(context: StorageContext, row: SnapshotRow): Promise<void> {
  const all = await listPointsOf(context.database.query, row.volume_id);
  for (const { id } of all) if (id !== row.id) context.pokeSnapshot(id);
}

export function getPoints({ staged }: StorageContext): StoragePoints {
  const points = staged.rbd?.points;
  if (points !== undefined) return points;
  throw new ServiceError({
    kind: 'unavailable',
    resource: 'snapshot',
    message:
      'The snapshot’s point in time is in the backend rbd, which this cloud is not set up for at the moment.',
  });
}
