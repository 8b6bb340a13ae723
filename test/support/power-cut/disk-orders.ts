// Owns the messages between a test and the process that holds its power-cut disks.

import type { CutMode, CutReport } from './volatile-disk.ts';

/** What a disk answers with an I/O error: `syncs` every flush, `writes` every write too. */
export type DiskFailure = 'syncs' | 'writes';

export type Order =
  | { kind: 'power-on' }
  | { kind: 'power-off' }
  | { kind: 'cut'; mode: CutMode; kill: readonly number[] }
  | ({ kind: 'arm' } & Arming)
  /** The disk goes bad, or well again, while its power is on. */
  | { kind: 'fail'; disk: string; failure: DiskFailure | undefined };

export interface Arming {
  /** Writes and flushes until the one in whose place the power goes. */
  afterRequests: number;
  /** The power goes in place of the next flush after them, when most is at stake. */
  atFlush?: boolean;
  /** The disk whose requests count; those of all when undefined. */
  disk?: string;
  mode: CutMode;
  kill: readonly number[];
}

/** Answered with its id. */
export interface DiskOrder {
  id: number;
  order: Order;
}

export type DiskEvent =
  | { kind: 'ready' }
  | { kind: 'done'; id: number }
  | { kind: 'failed'; id: number; error: string }
  /** The power went, by order or because it was armed. */
  | { kind: 'cut'; report: CutReport };
