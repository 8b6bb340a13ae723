// Owns the contract of a volume backend: where the bytes of volumes lie: files, disks of their own, Ceph.

import type { VolumeId } from '@ironbark/core/ids.ts';

export interface VolumeFacts {
  sizeBytes: number;
  /** Bytes that the volume occupies now; the rest of its size is still promised to it. */
  allocatedBytes: number;
}

export interface BackendSpace {
  totalBytes: number;
  freeBytes: number;
}

/** A run of bytes of a volume's first contents. */
export interface VolumeContent {
  offset: number;
  bytes: Uint8Array;
}

export interface MakeOptions {
  /** Ends the work between two pieces; what is done stays, and the next call goes on. */
  signal?: AbortSignal;
  onProgress?: (percent: number) => Promise<void>;
  /** Its target keeps a map of what is written, so what is not need not be zeros. */
  isMapped?: boolean;
  /** Of one that becomes longer: what lies behind these of its bytes was left by a growth that was cut short. */
  ownBytes?: number;
}

/** Every call is idempotent. A full backend throws out-of-space and leaves nothing behind. */
export interface VolumeBackend {
  /** Undefined when there is no such volume; one that is half made does not exist. */
  inspect(id: VolumeId): Promise<VolumeFacts | undefined>;
  list(): Promise<VolumeId[]>;
  /** Makes a volume of zeros, with its space claimed. */
  create(id: VolumeId, sizeBytes: number, options?: MakeOptions): Promise<void>;
  /** Makes a volume whose bytes are zeros except for `contents`; it exists once all of them are durable. */
  createFrom(
    id: VolumeId,
    sizeBytes: number,
    contents: AsyncIterable<VolumeContent>,
  ): Promise<void>;
  /** Makes a volume longer; the new bytes are zeros. One for which there is no room is as long as it was. */
  grow(id: VolumeId, sizeBytes: number, options?: MakeOptions): Promise<void>;
  /** Writes into a volume, where nobody has it open; durable when it resolves. Files alone offer it. */
  overwrite(id: VolumeId, contents: AsyncIterable<VolumeContent>): Promise<void>;
  /** Puts on stable storage what a target has filled a file with, and flushed. */
  sync(id: VolumeId): Promise<void>;
  remove(id: VolumeId): Promise<void>;
  space(): Promise<BackendSpace>;
  /** Removes what a crash left half made. Call it while nothing is being made. */
  sweep(): Promise<void>;
}
