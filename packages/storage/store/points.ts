// Owns what is written down of points in time that the storage itself keeps.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Kysely } from 'kysely';
import type { StorageSchema } from './schema.ts';
import { type SnapshotRow, updateSnapshot } from './snapshots.ts';

type Queries = Kysely<StorageSchema>;

/** Newest first. */
export function listPointsOf(db: Queries, volumeId: VolumeId): Promise<SnapshotRow[]> {
  return db
    .selectFrom('snapshot')
    .selectAll()
    .where('volume_id', '=', volumeId)
    .where('point', 'is not', null)
    .orderBy('point', 'desc')
    .execute();
}

/** Before it is taken, so that there is none of which nothing is known. */
export async function notePoint(db: Queries, row: SnapshotRow): Promise<void> {
  if (row.point !== null) return;
  const [newest] = await listPointsOf(db, row.volume_id);
  await updateSnapshot(db, row.id, { point: (newest?.point ?? 0) + 1 });
}

export async function isPointKnown(
  db: Queries,
  { id, snapshotId }: { id: VolumeId; snapshotId: SnapshotId },
): Promise<boolean> {
  return (await listPointsOf(db, id)).some((row) => row.id === snapshotId);
}
