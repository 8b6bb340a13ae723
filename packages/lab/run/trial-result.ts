// Owns what a trial says: the rates before and after the change, and whether they differ by more than rounds do. Pure.

import type { CauseName } from '../explain/causes.ts';
import type { NetworkResult } from '../network/network-result.ts';
import type { RowResult } from './row-result.ts';
import type { Spread } from './statistics.ts';

export interface TrialResult {
  /** What was changed; part of a sentence. */
  change: string;
  /** The testbed, by its name. */
  testbed: string;
  before: RowResult;
  after: RowResult;
  /** After over before. */
  ratio: number;
  verdict: 'better' | 'same' | 'worse';
  /** Whether the copy was held back by what holds the volume back. */
  isSameCause: boolean;
}

/** Less is what two runs differ by. */
const WORTH_A_WORD = 0.05;

export function trialResultOf(
  rows: readonly RowResult[],
  { change, testbed, cause }: { change: string; testbed: string; cause: CauseName },
): TrialResult | { reason: string } {
  const [before, after] = ['try/before', 'try/after'].map((id) =>
    rows.find((row) => row.id === id),
  );
  const missing = [before, after].find((row) => row?.mbps === undefined);
  if (before?.mbps === undefined || after?.mbps === undefined) {
    return { reason: missing?.reason ?? 'It was not measured.' };
  }
  const ratio = after.mbps / before.mbps;
  return {
    ...{ change, testbed, before, after, ratio },
    verdict: verdictOf(
      { middle: before.mbps, spread: before.spread!.mbps },
      { middle: after.mbps, spread: after.spread!.mbps },
    ),
    isSameCause: before.explanation?.cause?.name === cause,
  };
}

interface Rate {
  middle: number;
  spread: Spread;
}

/** Better or worse only if no round of the one is among those of the other. */
function verdictOf(before: Rate, after: Rate): TrialResult['verdict'] {
  const { spread: one, middle: was } = before;
  const { spread: other, middle: is } = after;
  if (other.lowest > one.highest && is > (1 + WORTH_A_WORD) * was) return 'better';
  if (other.highest < one.lowest && is < (1 - WORTH_A_WORD) * was) return 'worse';
  return 'same';
}

export interface NetworkTrialResult extends Pick<TrialResult, 'change' | 'ratio' | 'verdict'> {
  before: NetworkResult;
  after: NetworkResult;
}

/** Of streams between a guest and its host; megabits a second. */
export function networkTrialResultOf(
  rows: readonly NetworkResult[],
  trial: { change: string; before: { id: string }; after: { id: string } },
): NetworkTrialResult | { reason: string } {
  const [before, after] = [trial.before, trial.after].map(({ id }) =>
    rows.find((row) => row.id === id),
  );
  const missing = [before, after].find((row) => row?.megabitsPerSecond === undefined);
  if (before?.megabitsPerSecond === undefined || after?.megabitsPerSecond === undefined) {
    return { reason: missing?.reason ?? 'It was not measured.' };
  }
  const [was, is] = [before, after].map((row) => ({
    ...{ middle: row.megabitsPerSecond!, spread: row.spread!.value },
  })) as [Rate, Rate];
  const { change } = trial;
  return { change, before, after, ratio: is.middle / was.middle, verdict: verdictOf(was, is) };
}
