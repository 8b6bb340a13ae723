// Owns the messages between a test and the process that holds its power-cut disk.

import type { CutMode, CutReport } from './volatile-disk.ts';

export type Order =
  | { kind: 'power-on' }
  | { kind: 'power-off' }
  | { kind: 'cut'; mode: CutMode; kill: readonly number[] }
  | { kind: 'arm'; afterRequests: number; mode: CutMode; kill: readonly number[] };

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
