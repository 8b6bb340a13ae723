// Owns what the Storage Controller tells of itself: rows to observations, and the space that is left.

import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type {
  StagedBackend,
  StagedBackendName,
} from '@ironbark/protocol/internal/staged-backend.ts';
import type {
  BackendReport,
  SnapshotStorageObservation,
  StorageReport,
  VolumeStorageObservation,
} from '@ironbark/protocol/internal/storage-client.ts';
import { listSnapshots, type SnapshotRow } from '../store/snapshots.ts';
import { hasFailedToGrow, listVolumes, type VolumeRow } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';
import { openingsOf } from './openings.ts';
import { measureSpace } from './space.ts';

export async function buildReport(context: StorageContext): Promise<StorageReport> {
  const volumes = await listVolumes(context.database.query);
  const snapshots = await listSnapshots(context.database.query);
  const backends = await reportBackends(context);
  const space = await measureSpace(context.backend, volumes);
  return {
    freeBytes: space.claimableBytes,
    totalBytes: space.totalBytes,
    ...(backends.length === 0 ? {} : { backends }),
    volumes: volumes.map(observeVolume),
    snapshots: snapshots.map(observeSnapshot),
    ...(context.keys.problem === undefined ? {} : { keyringProblem: context.keys.problem }),
  };
}

/** One that does not answer is reported without room, not as if it were not there. */
async function reportBackends(context: StorageContext): Promise<BackendReport[]> {
  const entries = Object.entries(context.staged) as [StagedBackendName, StagedBackend][];
  const report = async ([name, backend]: (typeof entries)[number]): Promise<BackendReport> => {
    try {
      return { name, ...(await backend.space()) };
    } catch (error) {
      context.logger.warn('a backend does not say what room it has', { name, error });
      return { name, totalBytes: 0, freeBytes: 0, largestBytes: 0 };
    }
  };
  return await Promise.all(entries.map(report));
}

export function observeVolume(row: VolumeRow): VolumeStorageObservation {
  const leaving = row.desired === 'absent' && row.observed_state !== 'absent';
  const reason = hasFailedToGrow(row) ? row.growth_problem : row.reason;
  return {
    id: row.id,
    generation: row.observed_generation,
    state: leaving ? 'deleting' : row.observed_state,
    progressPercent: row.progress_percent,
    ...(reason === null ? {} : { reason }),
    ...(row.export === null ? {} : { export: JSON.parse(row.export) as BlockExport }),
    ...observeOpenings(row),
    ...(row.away === 1 ? { isAway: true } : {}),
    ...(hasFailedToGrow(row) ? { hasFailedToGrow: true } : {}),
  };
}

function observeOpenings(row: VolumeRow): Pick<VolumeStorageObservation, 'openings'> {
  const openings = openingsOf(row).flatMap(({ instanceId, export: place }) =>
    place === undefined ? [] : [{ instanceId, export: place }],
  );
  return openings.length === 0 ? {} : { openings };
}

export function observeSnapshot(row: SnapshotRow): SnapshotStorageObservation {
  const leaving = row.desired === 'absent' && row.observed_state !== 'absent';
  return {
    id: row.id,
    generation: row.observed_generation,
    state: leaving ? 'deleting' : row.observed_state,
    progressPercent: row.progress_percent,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(row.frozen_epoch === null ? {} : { isHeld: true }),
    storedBytes: row.stored_bytes,
    addedBytes: row.added_bytes,
  };
}
