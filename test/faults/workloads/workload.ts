// Owns the contract of a workload: a store of the product, opened, read as a whole and written to, in a process
// that is killed with the power.

import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Value } from './promises.ts';

export interface WorkloadInput {
  /** On the disk whose power is cut. */
  folder: string;
  random: RandomSource;
  /** Other than that of every process before; for values that are never written twice. */
  session: number;
  /** Does `work`, which makes the keys hold the values, and says so before and after. */
  promise(values: Record<string, Value>, work: () => Promise<unknown> | unknown): Promise<void>;
}

export interface OpenWorkload {
  /** Everything that the store holds, read through the product's own code. */
  read(): Promise<Record<string, Value>>;
  /** What should not be there once the store has come to rest: one sentence each. */
  findFaults?(): Promise<string[]>;
  /** Writes until the process is killed. */
  write(): Promise<never>;
  /** Does a few operations of each kind, one after the other. */
  script(): Promise<void>;
  /** Takes down what outlives the process by intent. */
  halt?(): Promise<void>;
}

/** Opens what is on the disk, or begins anew. */
export type Workload = (input: WorkloadInput) => Promise<OpenWorkload>;

/**
 * Runs all of them at a time, or one alone: what one of them syncs is on the disk for all, so that only one that is
 * alone shows what it leaves unsynced.
 */
export async function someOf(
  random: RandomSource,
  loops: readonly (() => Promise<never>)[],
): Promise<never> {
  const alone = loops[Math.floor(random.fraction() * 2 * loops.length)];
  return await (alone === undefined ? Promise.race(loops.map((loop) => loop())) : alone());
}
