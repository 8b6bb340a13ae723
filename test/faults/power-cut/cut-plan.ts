// Owns the choice of a moment for the power to go: by the seed, and the same for the same number of the cut.

import type { RandomSource } from '@ironbark/platform/random.ts';
import type { CutMode } from '../../support/power-cut/volatile-disk.ts';
import { WORKLOADS, type WorkloadName } from '../workloads/workloads.ts';

export interface CutPlan {
  /** `writing`: while the stores are written to. `opening`: while they mend what the cut before has left. */
  moment: 'writing' | 'opening';
  mode: CutMode;
  /** Writes and flushes of the disk `of`, or of all of them. */
  afterRequests: number;
  /** Of them the first flush after that, in whose place the power goes. */
  atFlush: boolean;
  of: WorkloadName | undefined;
  /** The power goes after this even when there were fewer. */
  patienceMs: number;
}

const OPENING_SHARE = 0.2;
/** What a store wrote to be read together is all in the disk's cache then, and part of it survives. */
const AT_FLUSH_SHARE = 0.4;
const DROP_ALL_SHARE = 0.25;
const MAX_REQUESTS_OF_OPENING = 40;
/** A store that has nothing to mend may write nothing. */
const OPENING_PATIENCE_MS = 300;

/** The requests of one disk count in most cuts, so that the moments of a slow store come up as often as any. */
export function planCut(
  workloads: readonly WorkloadName[],
  number: number,
  random: RandomSource,
): CutPlan {
  // The first process makes the stores.
  const isOpening = random.fraction() < OPENING_SHARE && number > 1;
  const mode = random.fraction() < DROP_ALL_SHARE ? 'drop-all' : 'torn';
  const turns = workloads.flatMap((name) =>
    Array.from({ length: WORKLOADS[name].turns }, () => name),
  );
  const of = turns[Math.floor(random.fraction() * (turns.length + 1))];
  const { maxRequests, patienceMs } = WORKLOADS[of ?? workloads[0]!];
  const most = isOpening ? MAX_REQUESTS_OF_OPENING : maxRequests;
  return {
    ...{ mode, of, moment: isOpening ? 'opening' : 'writing' },
    afterRequests: Math.floor(random.fraction() ** 2 * most),
    atFlush: random.fraction() < AT_FLUSH_SHARE,
    patienceMs: isOpening ? OPENING_PATIENCE_MS : patienceMs,
  };
}

/** Syncs of one thread before the process dies in place of the next. */
const MAX_SYNCS = 30;

export function planCrash(random: RandomSource): { killedAtSync: number; mode: CutMode } {
  const killedAtSync = 1 + Math.floor(random.fraction() ** 2 * MAX_SYNCS);
  return { killedAtSync, mode: random.fraction() < DROP_ALL_SHARE ? 'drop-all' : 'torn' };
}
