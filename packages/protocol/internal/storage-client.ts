// Owns the contract between the Cloud Controller and the Storage Controller of one zone.

import type { AccountId, InstanceId, NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { BlockExport, ImageBlob } from './instance-messages.ts';
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
  /** Of a volume that several instances may have: each has an opening of its own. Never together with `exportTo`. */
  openTo?: InstanceOpening[];
  /** What whoever opens it may do in a second; absent: whatever the disk can. */
  limits?: VolumeLimits;
  /** The account whose key encrypts it, heeded when the volume is new; absent: it is not encrypted. */
  encryptedFor?: AccountId;
}

/** An instance that may open a volume which others have too. */
export interface InstanceOpening {
  instanceId: InstanceId;
  nodeId: NodeId;
}

export interface StorageSnapshotIntent {
  id: SnapshotId;
  generation: number;
  desired: 'present' | 'absent';
  volumeId: VolumeId;
  volumeSizeBytes: number;
  /** Blocks are shared among the snapshots of one account, never with another. */
  accountId: AccountId;
  /** Snapshots of other volumes that are to have the very same point in time, this one among them. */
  together?: SnapshotId[];
  /** Its blocks are encrypted with its account's key. */
  encrypted?: boolean;
  /** Its bytes are those of this snapshot, stored once more in its own form; no volume is read. */
  copyOf?: SnapshotId;
  /**
   * It is written block by block (snapshot-writer.ts), on top of its parent's blocks if it has one, and no volume is
   * read. `sealed`: it has all of its blocks. `abandoned`: it will never be complete.
   */
  written?: { state: 'open' | 'sealed' | 'abandoned'; parent?: SnapshotId };
  /** What it is to hold, unpacked and with zeroes after it; absent: what the volume holds. */
  source?: ImageBlob;
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
  /** The same of each instance that has an opening of its own. */
  openings?: { instanceId: InstanceId; export: BlockExport }[];
  /** Whoever has it open waits: what serves it does not answer, or does not start. */
  isAway?: boolean;
  /** It could not become as long as the newest intent says, for `reason`, and stays as it was: the wish is to be taken back. */
  hasFailedToGrow?: boolean;
}

export interface SnapshotStorageObservation {
  id: SnapshotId;
  generation: number;
  state: 'pending' | 'completed' | 'deleting' | 'absent' | 'failed';
  progressPercent: number;
  reason?: string;
  /** It holds a point in time, however much of it is still to be stored. */
  isHeld?: boolean;
  /** Bytes in the object store that the snapshot needs, with those that it shares; packed, each block counted once. */
  storedBytes: number;
  /** Of these, bytes that were stored for it alone: no snapshot before it had them. */
  addedBytes: number;
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
  /** Why nothing can be encrypted or decrypted at the moment, a sentence for people; absent when all is well. */
  keyringProblem?: string;
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
