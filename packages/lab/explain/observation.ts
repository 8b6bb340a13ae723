// Owns what an explanation is made from: a stream of reads or writes, what the host could have done, what the disk behind
// it saw meanwhile, and which choices the guest's disk runs with. Rates are bytes a second.

import type { AioEngine, DiskBus, DiskCache } from '@ironbark/core/io-profile.ts';
import type { DiskFigures } from '../disk/disk-figures.ts';

export interface Observation {
  direction: 'read' | 'write';
  /** What the guest's program got. */
  guestRate: number;
  /** What the host itself gets from the same disk; absent: nobody has measured it. */
  hostRate?: number | undefined;
  /** Of the disk behind the guest's, in the same interval. */
  seen: DiskFigures;
  setting: DiskSetting;
  /** The program is known to go through the guest's page cache; absent: nobody knows. */
  isCached?: boolean | undefined;
  /** Bytes that reached the disk for each that the guest moved, where both are known. */
  amplification?: number | undefined;
  /** What the disk may do; absent: nothing holds it back. */
  limit?: { iops: number; bytesPerSecond: number } | undefined;
  /** Share of its time, 0 to 1, in which each had no more to give. */
  processor?: ProcessorShares | undefined;
  /** Present where the disk is on the other end of a network. */
  network?: { mtu: number; rate: number } | undefined;
}

export interface ProcessorShares {
  guest?: number;
  serving?: number;
  /** In which the guest's processors could have run, and somebody else had the host's. */
  waiting?: number;
}

/** What is known of how the disk is opened and shown to the guest. */
export interface DiskSetting {
  bus?: DiskBus | 'xvd' | undefined;
  store?: 'sparse-file' | 'preallocated-file' | 'device' | 'volume' | undefined;
  cache?: DiskCache | undefined;
  aio?: AioEngine | undefined;
  queues?: number | undefined;
  vcpus?: number | undefined;
  /** How far the guest reads ahead; 128 KiB is Linux's own choice. */
  readAheadBytes?: number | undefined;
  attachMode?: 'host' | 'guest' | undefined;
}
