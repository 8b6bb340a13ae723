// Owns the explanation of a disk's rate: how much is lost, where, why, and what changes it.

import { CAUSES, type Cause } from './causes.ts';
import type { NetworkCause } from './network-causes.ts';
import type { Observation } from './observation.ts';
import { type Split, splitGap } from './split.ts';

export interface Explanation {
  /** What is lost and where; undefined where nobody knows what the host can do. */
  split?: Split | undefined;
  /** Undefined when there is nothing to explain. */
  cause?: Pick<Cause | NetworkCause, 'name' | 'layer'> | undefined;
  /** For people. */
  sentence: string;
  remedy?: string | undefined;
}

/** A guest that gets this much of what the host gets has no gap worth a word. */
export const NO_GAP = 0.95;

export function explain(observation: Observation): Explanation {
  const split = splitGap(observation);
  if (observation.guestRate === 0) {
    return {
      split,
      sentence: `Nothing was ${observation.direction === 'read' ? 'read' : 'written'}.`,
    };
  }
  if (split !== undefined && split.share >= NO_GAP) {
    const share = Math.round(100 * split.share);
    return { split, sentence: `The guest gets ${share} % of what the host gets: there is no gap.` };
  }
  const cause = CAUSES.find((each) => each.fits(observation))!;
  const { name, layer, remedy } = cause;
  return { split, cause: { name, layer }, sentence: cause.say(observation), remedy };
}
