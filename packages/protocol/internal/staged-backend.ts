// Owns the contract of a volume backend that needs rights which the Storage Controller has not: disks, a Ceph cluster.
// Each call does a piece of work that ends soon, so that a crash or a restart loses one piece and not the day's work.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';

export type StagedBackendName = 'device' | 'rbd';
/** Where a volume's bytes lie. `file`: in a file of the data folder, by the Storage Controller itself. */
export type BackendName = 'file' | StagedBackendName;

export const BACKEND_NAMES: readonly BackendName[] = ['file', 'device', 'rbd'];

export interface StagedVolume {
  sizeBytes: number;
}

export interface StagedSpace {
  totalBytes: number;
  freeBytes: number;
  /** Of the largest volume that could be made now. */
  largestBytes: number;
}

/** Bytes that one call of `write` may bring. */
export const MAX_WRITE_BYTES = 1024 * 1024;
export const DONE_PERCENT = 100;

/** Every call is idempotent. */
export interface StagedBackend {
  /** Undefined for a volume that is not finished, or gone. One that is being removed is there until its bytes are gone. */
  inspect(id: VolumeId): Promise<StagedVolume | undefined>;
  list(): Promise<VolumeId[]>;
  /** Begun and not finished: somebody goes on with them, or nobody wants them. */
  listUnfinished(): Promise<VolumeId[]>;
  /** Goes on making a volume of zeros; at 100 percent it can be written to and finished. */
  prepare(id: VolumeId, sizeBytes: number): Promise<number>;
  write(id: VolumeId, offset: number, bytes: Uint8Array): Promise<void>;
  /** What was written is durable and the volume exists. */
  finish(id: VolumeId): Promise<void>;
  /** Goes on making a volume longer; the new bytes are zeros. */
  grow(id: VolumeId, sizeBytes: number): Promise<number>;
  /** Goes on destroying a volume's bytes, finished or not; at 100 percent there is no trace of it. */
  remove(id: VolumeId): Promise<number>;
  space(): Promise<StagedSpace>;
  /** Where the storage itself can hold a volume's bytes of then, beside those of now. */
  readonly points?: StoragePoints;
}

/** A volume's bytes at one moment, which the storage keeps until they are dropped. A block target takes them. */
export interface StoragePoint {
  id: VolumeId;
  snapshotId: SnapshotId;
}

/**
 * `idle`: it still reads from the volume that it was cloned from. `running`: what it lacks is being copied, or waits for
 * its turn. `done`: it is a volume like any other.
 */
export interface CloneFacts {
  state: 'idle' | 'running' | 'failed' | 'done';
  percent: number;
}

export interface CloneSizes {
  /** Of the point. */
  pointBytes: number;
  /** Of the volume; as long or longer, with zeros at its end. */
  sizeBytes: number;
}

/** Every call is idempotent. */
export interface StoragePoints {
  list(): Promise<StoragePoint[]>;
  /** Clones of it keep their bytes. */
  drop(point: StoragePoint): Promise<void>;
  /** Makes a volume that begins as a point. False when there is no such point. */
  clone(id: VolumeId, from: StoragePoint, sizes: CloneSizes): Promise<boolean>;
  inspectClone(id: VolumeId): Promise<CloneFacts>;
  /** Begins to copy what a clone lacks. */
  flatten(id: VolumeId): Promise<void>;
  /** Ends removed volumes that were kept for clones which need them no more. */
  tidy(): Promise<void>;
}

export type StagedBackends = Partial<Record<StagedBackendName, StagedBackend>>;
