// Owns the messages between whoever measures and the process of a modelled disk.

import type { DiskModel } from '../testbeds.ts';
import type { DiskCounters } from './disk-figures.ts';

/** Each is answered with `done`. */
export type DiskOrder =
  | { kind: 'change'; model: string }
  /** Count from nothing. */
  | { kind: 'begin' }
  | { kind: 'look' };

/** `port`: of the TCP server, where there is one. */
export type DiskReply = { kind: 'ready'; port?: number } | { kind: 'done'; counters: DiskCounters };

/** JSON has no infinity, which is a rate here. */
export function renderModel(model: DiskModel): string {
  return JSON.stringify(model, (_, value) => (value === Number.POSITIVE_INFINITY ? 'max' : value));
}

export function parseModel(text: string): DiskModel {
  return JSON.parse(text, (_, value) => (value === 'max' ? Number.POSITIVE_INFINITY : value));
}
