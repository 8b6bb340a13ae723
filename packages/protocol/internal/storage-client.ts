// Owns the contract between the Cloud Controller and the Storage Controller of one zone.

import type { NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { BlockExport } from './instance-messages.ts';
import type { BackendName, StagedBackendName, StagedSpace } from './staged-backend.ts';

export interface StorageVolumeIntent {
  id: VolumeId;
  generation: number;
  desired: 'present' | 'absent';
  sizeBytes: number;
  /** The snapshot whose contents a new volume starts with. */
  fromSnapshotId?: SnapshotId;
  /** Where its bytes are to lie, heeded when the volume is new; absent: files. */
  backend?: BackendName;
  /** The node that may open the volume; absent: nobody may. */
  exportTo?: NodeId;
}

export interface StorageSnapshotIntent {
  id: SnapshotId;
  generation: number;
  desired: 'present' | 'absent';
  volumeId: VolumeId;
  volumeSizeBytes: number;
}

export interface VolumeStorageObservation {
  id: VolumeId;
  /** Generation of the intent that has been fully reached. */
  generation: number;
  state: 'creating' | 'ready' | 'deleting' | 'absent' | 'failed';
  /** 0 to 100 while it fills from a snapshot. */
  progressPercent: number;
  reason?: string;
  /** Where it can be opened; absent while nobody may. */
  export?: BlockExport;
}

export interface SnapshotStorageObservation {
  id: SnapshotId;
  generation: number;
  state: 'pending' | 'completed' | 'deleting' | 'absent' | 'failed';
  progressPercent: number;
  reason?: string;
  /** Bytes that the snapshot holds in the object store. */
  storedBytes: number;
}

export interface BackendReport extends StagedSpace {
  name: StagedBackendName;
}

export interface StorageReport {
  /** Bytes that new volumes can still claim. */
  freeBytes: number;
  totalBytes: number;
  /** Backends besides files, each with its own space; absent: none. */
  backends?: BackendReport[];
  volumes: VolumeStorageObservation[];
  snapshots: SnapshotStorageObservation[];
}

export interface StorageIntent {
  volumes: StorageVolumeIntent[];
  snapshots: StorageSnapshotIntent[];
}

export interface StorageClient {
  /** Upserts intents; an older generation than the stored one is ignored. Answers once they are on disk. */
  putIntents(intent: StorageIntent): Promise<void>;
  /** Drops the rows of volumes and snapshots that are observed absent. */
  forget(ids: { volumes: VolumeId[]; snapshots: SnapshotId[] }): Promise<void>;
  getReport(): Promise<StorageReport>;
  onChange(listener: () => void): () => void;
}
