// Owns what the Storage Controller tells of itself: rows to observations, and the space that is left.

import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type {
  SnapshotStorageObservation,
  StorageReport,
  VolumeStorageObservation,
} from '@ironbark/protocol/internal/storage-client.ts';
import { listSnapshots, type SnapshotRow } from '../store/snapshots.ts';
import { listVolumes, type VolumeRow } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';
import { measureSpace } from './space.ts';

export async function buildReport(context: StorageContext): Promise<StorageReport> {
  const volumes = await listVolumes(context.database.query);
  const snapshots = await listSnapshots(context.database.query);
  const space = await measureSpace(context.backend, volumes);
  return {
    freeBytes: space.claimableBytes,
    totalBytes: space.totalBytes,
    volumes: volumes.map(observeVolume),
    snapshots: snapshots.map(observeSnapshot),
  };
}

export function observeVolume(row: VolumeRow): VolumeStorageObservation {
  const leaving = row.desired === 'absent' && row.observed_state !== 'absent';
  return {
    id: row.id,
    generation: row.observed_generation,
    state: leaving ? 'deleting' : row.observed_state,
    progressPercent: row.progress_percent,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.export === null ? {} : { export: JSON.parse(row.export) as BlockExport }),
    ...(row.away === 1 ? { isAway: true } : {}),
  };
}

export function observeSnapshot(row: SnapshotRow): SnapshotStorageObservation {
  const leaving = row.desired === 'absent' && row.observed_state !== 'absent';
  return {
    id: row.id,
    generation: row.observed_generation,
    state: leaving ? 'deleting' : row.observed_state,
    progressPercent: row.progress_percent,
    ...(row.reason === null ? {} : { reason: row.reason }),
    storedBytes: row.stored_bytes,
    addedBytes: row.added_bytes,
  };
}
