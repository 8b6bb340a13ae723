// Owns the tables of the Storage Controller as the queries see them.

import type { NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Migrations } from '@ironbark/platform/database/database.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageVolumeIntent } from '@ironbark/protocol/internal/storage-client.ts';
import { createStorageTables } from './migrations/0001-storage.ts';
import { addVolumeBackend } from './migrations/0005-backends.ts';

export type Presence = StorageVolumeIntent['desired'];

export interface VolumeTable {
  id: VolumeId;
  generation: number;
  desired: Presence;
  size_bytes: number;
  from_snapshot_id: SnapshotId | null;
  export_to: NodeId | null;
  observed_generation: number;
  observed_state: 'creating' | 'ready' | 'absent' | 'failed';
  progress_percent: number;
  reason: string | null;
  /** The node that the target was opened for; null once it is closed again. */
  exported_to: NodeId | null;
  /** The BlockExport of `exported_to`, as JSON. */
  export: string | null;
  /** Grows each time that somebody is about to be let in to write. */
  export_epoch: number;
  /** What the target opens the file with, such as `io_uring,direct`. */
  engine: string | null;
  forgotten_at: number | null;
  /** Chosen when the volume was first heard of. */
  backend: BackendName;
}

export interface SnapshotTable {
  id: SnapshotId;
  generation: number;
  desired: Presence;
  volume_id: VolumeId;
  volume_size_bytes: number;
  observed_generation: number;
  observed_state: 'pending' | 'completed' | 'absent' | 'failed';
  progress_percent: number;
  reason: string | null;
  stored_bytes: number;
  /** The volume's export_epoch at the point in time; null before it. */
  frozen_epoch: number | null;
  /** 1 when somebody could write at the point in time. */
  frozen_exported: number;
  /** Chunks below this index are in the object store or were zero. */
  next_chunk: number;
  forgotten_at: number | null;
}

/** A chunk that the object store holds, until the manifest that lists it is written. */
export interface SnapshotChunkTable {
  snapshot_id: SnapshotId;
  chunk_index: number;
  sha256: string;
  stored_bytes: number;
  encoding: 'raw' | 'zstd';
}

export interface StorageSchema {
  volume: VolumeTable;
  snapshot: SnapshotTable;
  snapshot_chunk: SnapshotChunkTable;
}

export const STORAGE_MIGRATIONS: Migrations = {
  '0001-storage': { up: createStorageTables },
  '0005-backends': { up: addVolumeBackend },
};
