// Owns what comes of a measurement on demand: beside each bandwidth what the host saw in the same interval.

import type { Explanation } from '../explain/explain.ts';
import type { Direction } from '../paper/paper-rows.ts';
import { type Spread, spreadOf } from '../run/statistics.ts';
import type { IntervalFigures } from '../seen/disk-statistics.ts';
import type { DfsioFigures } from '../workloads/test-dfsio.ts';
import type { JobOutcome } from './measure-jobs.ts';

/** Of one disk, in the interval of a job. */
export interface SeenDisk extends IntervalFigures {
  /** `root`, a volume's id, or the kernel's name of a disk of the host. */
  disk: string;
}

export interface MeasureSeen {
  /** What the guest asked its hypervisor for; absent where the host itself was measured, or nobody counts it. */
  disk?: SeenDisk;
  /** Next to nothing of what the guest moved reached any disk that its hypervisor counts. */
  isUncounted?: true;
  /** The host's disk below it; absent where there is no one such disk. */
  host?: SeenDisk;
  /** Share of all of the host's processors that was in use, 0 to 1. */
  hostProcessor: number;
  /** Of the guest's busiest processor, the busiest thread that serves it, and the time in which others had its place. */
  guest?: { processor: number; serving: number; waiting: number };
  /** Of the host's own rate, where it is known. */
  ratio?: number;
  explanation?: Explanation;
}

export interface MeasureSample extends JobOutcome {
  seen: MeasureSeen;
  /** What was read may have come from the page cache of whoever read it. */
  isCached?: true;
}

/** One job; of several rounds the figures are those of the one in the middle. */
export interface MeasureRow extends Partial<Omit<MeasureSample, 'dfsio'>> {
  name: string;
  direction: Direction;
  spread?: Spread;
  rounds?: number;
  dfsio?: DfsioFigures;
  /** Why there are no figures. */
  reason?: string;
}

export interface JobName {
  name: string;
  direction: Direction;
}

export function rowOf(
  { name, direction }: JobName,
  samples: readonly MeasureSample[],
  reason: string | undefined,
): MeasureRow {
  if (samples.length === 0) return { name, direction, ...(reason && { reason }) };
  const sorted = samples.toSorted((a, b) => a.mbps - b.mbps);
  const middle = sorted[sorted.length >> 1]!;
  const spread = spreadOf(samples.map(({ mbps }) => mbps));
  return { name, direction, ...middle, spread, rounds: samples.length, ...(reason && { reason }) };
}
