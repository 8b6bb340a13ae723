// Owns what a trial says: the rates before and after the change, and whether they differ by more than rounds do. Pure.

import type { CauseName } from '../explain/causes.ts';
import type { RowResult } from './row-result.ts';

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
    verdict: verdictOf(before, after),
    isSameCause: before.explanation?.cause?.name === cause,
  };
}

/** Better or worse only if no round of the one is among those of the other. */
function verdictOf(before: RowResult, after: RowResult): TrialResult['verdict'] {
  const [one, other] = [before.spread!.mbps, after.spread!.mbps];
  if (other.lowest > one.highest && after.mbps! > (1 + WORTH_A_WORD) * before.mbps!)
    return 'better';
  if (other.highest < one.lowest && after.mbps! < (1 - WORTH_A_WORD) * before.mbps!) return 'worse';
  return 'same';
}
