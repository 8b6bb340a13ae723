// Owns what a target of the matrix is to those who measure: a path for the host's own programs, a way in for guests,
// and what the disk below it saw.

import type { DiskFigures } from '../disk/disk-figures.ts';
import type { DiskSource } from '../guest/qemu-arguments.ts';
import type { Direction } from '../paper/paper-rows.ts';

export interface TargetSeen extends DiskFigures {
  /** What reached the disk, read and written. */
  bytes: number;
  /** Milliseconds that a request was at the disk, on average; absent where there was none. */
  requestMs?: number;
  /** Over which queue and utilisation are, program's beginning and end with it; absent: from the first request to the last. */
  intervalMs?: number;
}

export interface Target {
  /** For the host's own dd. */
  path: string;
  /** The same bytes past the disk's model, where there is a way. */
  bytesFile?: string;
  /** Where a guest's disk has its bytes; absent when its own driver goes there. */
  source?: DiskSource;
  /** Where the NBD driver of a guest goes: a port of the host. */
  port?: number;
  /** Takes it to the state in which a transfer of this direction is measured; not measured itself. */
  prepare(direction: Direction): Promise<void>;
  watch<T>(work: () => Promise<T>): Promise<{ result: T; seen: TargetSeen }>;
}
