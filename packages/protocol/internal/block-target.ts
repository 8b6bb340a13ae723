// Owns the contract of a block target: what lets a host open a volume, and holds a point in time still.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { BlockExport } from './instance-messages.ts';
import type { GateAccess } from './nbd-gates.ts';

export interface TargetFacts {
  running: boolean;
  /** Somebody can open the volume to write. */
  exported: boolean;
  /** Which opening that is; absent when nobody can, or an earlier version let them in. */
  opening?: number;
  /** A gate is there for another host (nbd-gates.ts). */
  isGated?: boolean;
  /** Of a volume that several guests have at once: those of their openings that are served. Absent: none. */
  openings?: number[];
  /** Points in time that the target holds. */
  frozen: SnapshotId[];
  /** As long as the volume is to those who open it now; absent when nothing has it open. */
  sizeBytes?: number;
  /** What holds those who open it back; absent when nothing does. */
  limits?: VolumeLimits;
  /** Present while the volume lies over its snapshot: see `layer`. */
  fill?: FillFacts;
}

export interface FillFacts {
  /** `done`: the volume's file has all bytes, though the last of them may not be on stable storage yet. */
  state: 'idle' | 'running' | 'done' | 'failed';
  percent: number;
}

export const NO_TARGET: TargetFacts = { running: false, exported: false, frozen: [] };

/** Nobody answers where the volume is served; the node asks again by itself. */
export function notServed(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: 'The volume is not being served at the moment; the node tries again.',
    cause,
  });
}

export interface ExportedVolume {
  export: BlockExport;
  /** How the bytes are reached, such as `io_uring,direct`; recorded on the volume. */
  engine: string;
}

/** Lets a host in, until it is cut off again. */
export interface Opening {
  /** Greater than of every earlier opening of the volume: those who were let in by them do not get in by this one. */
  opening: number;
  limits?: VolumeLimits;
  /** Of an encrypted volume, each time. */
  seal?: VolumeSeal;
  /** One of several at the same time, each of which is closed by itself. What each writes the others read. */
  isShared?: boolean;
  /** For another host: IPv4 of this one, at which its gate listens. */
  gateAddress?: string;
}

export interface ByteRange {
  offset: number;
  length: number;
}

/** Reads a volume as it was at its point in time. */
export interface FrozenReader extends AsyncDisposable {
  read(offset: number, length: number): Promise<Buffer>;
  /** Earlier points in time since which the target has kept what changed, newest first. Often there are none. */
  bases(): Promise<SnapshotId[]>;
  /** Where bytes may have changed since one of `bases`, within a range; what is not named has not. */
  changes(base: SnapshotId, offset: number, length: number): Promise<ByteRange[]>;
  /** Where there may be other bytes than zeros, within a range, in any order and more than once. */
  data(offset: number, length: number): Promise<ByteRange[]>;
}

/** What an encrypted volume is opened with. */
export interface VolumeSeal {
  /** The volume's key: 32 bytes in base64. */
  key: string;
  /** How much of its payload is the volume; one of another length is not opened. */
  sizeBytes: number;
}

/** What a volume reads as where nothing has been written to it. */
export interface Layer {
  sizeBytes: number;
  /** Of a snapshot, under which the Storage Controller serves it; absent: zeros. */
  exportName?: string;
  /** Of an encrypted volume. */
  seal?: VolumeSeal;
  /** Of an encrypted volume that became longer: so many bytes, from its beginning, are written. */
  writtenBytes?: number;
}

export interface GrowOptions {
  /** It is to be laid over what it grows by: the target ends, and whoever has it open waits for the next one. */
  isMapped?: boolean;
}

export interface FreezeOptions {
  /** Keep what changes from now on, for the reader of a later point in time. */
  tracksChanges: boolean;
  /** Of an encrypted volume. */
  seal?: VolumeSeal;
  /** It was taken before, and the storage has kept it: it is opened again, or found to be lost, and never taken anew. */
  isTaken?: boolean;
}

export interface FreezePoint {
  id: VolumeId;
  snapshotId: SnapshotId;
  sizeBytes: number;
  seal?: VolumeSeal;
}

/** The most volumes that can share a point in time: what an instance can have, with room to spare. */
export const MAX_FROZEN_TOGETHER = 64;

/** Every call is idempotent, and different volumes may be worked on at the same time. */
export interface BlockTarget {
  inspect(id: VolumeId): Promise<TargetFacts>;
  /** Volumes that have a target running on this host. */
  list(): Promise<VolumeId[]>;
  export(id: VolumeId, opening: Opening): Promise<ExportedVolume>;
  /** Changes what whoever has the volume open may do in a second. What reads a point in time is never held back. */
  limit(id: VolumeId, limits: VolumeLimits): Promise<void>;
  /** When this resolves, whoever had the volume open is cut off and nobody can open it. */
  unexport(id: VolumeId): Promise<void>;
  /** Undefined while the volume has no gate. Absent: this target opens none. */
  findGate?(id: VolumeId): Promise<GateAccess | undefined>;
  /** When this resolves, whoever came in by this one of several openings is cut off; the others go on. */
  close(id: VolumeId, opening: number): Promise<void>;
  /** Whether a volume can be open before all of its bytes have come from its snapshot. */
  readonly fillsLazily: boolean;
  /**
   * Lays a new volume, of which nothing is written so far, over what it is to read as, before anybody may open it. Until
   * `unlayer` the target serves it in no other way.
   */
  layer(id: VolumeId, layer: Layer): Promise<void>;
  /** Begins to copy what has not come yet. */
  fill(id: VolumeId): Promise<void>;
  /** What has been written to the volume until now is on stable storage when this resolves. */
  flush(id: VolumeId): Promise<void>;
  /** The volume's file has all bytes, or is to go. Does nothing while a point in time is held. */
  unlayer(id: VolumeId): Promise<void>;
  /**
   * Lets an open volume see that its backend has grown. Whoever has it open is cut off for a moment and finds it
   * longer. Not while the target holds a point in time.
   */
  grow(id: VolumeId, sizeBytes: number, options?: GrowOptions): Promise<void>;
  /** Ends the target: its export and its points in time. */
  stop(id: VolumeId): Promise<void>;
  /** Holds the volume's contents of now for a reader, while writing goes on. Starts the target if need be. */
  freeze(
    id: VolumeId,
    snapshotId: SnapshotId,
    sizeBytes: number,
    options: FreezeOptions,
  ): Promise<void>;
  /**
   * As `freeze`, with one point in time for all: while it is taken nobody's write to any of the volumes ends. Hosts that
   * have one open lose their connection for that long, come back and send again what was not answered. Changes are
   * tracked.
   */
  freezeTogether(points: readonly FreezePoint[]): Promise<void>;
  openFrozen(id: VolumeId, snapshotId: SnapshotId): Promise<FrozenReader>;
  thaw(id: VolumeId, snapshotId: SnapshotId): Promise<void>;
  /** Removes what a crash left behind. Call it while nothing else is going on. */
  sweep(): Promise<void>;
  /** Calls back when a target has died by itself. */
  onExit(listener: (id: VolumeId) => void): () => void;
  /** Lets go of running targets without ending them. */
  detach(): Promise<void>;
}
