// Owns when a row has been measured often enough: a quick run measures every row once, and then, for as long as it may take,
// again those whose ratio could still come out differently. Pure.

import { median } from './statistics.ts';

/** Fewer say nothing of how far they lie apart. */
const LEAST_ROUNDS = 3;
/** More would hold up the rows that a few can settle. */
export const MOST_ROUNDS = 9;
/** Of the one in the middle: twice this, which two runs are rarely apart, is within the 5 % to which runs are to agree. */
const GOOD_ERROR = 0.02;
/** Of normally distributed figures: from the median distance to the deviation, and from that to the median's own. */
const DEVIATION_OF_DISTANCE = 1.4826;
const MEDIAN_OF_MEAN = 1.2533;

/** `ratios`: of the rounds so far. */
export function isSettled(ratios: readonly number[]): boolean {
  if (ratios.length >= MOST_ROUNDS) return true;
  return ratios.length >= LEAST_ROUNDS && errorOf(ratios) <= GOOD_ERROR;
}

/** How far off the one in the middle is expected to be, as a share of it. */
export function errorOf(ratios: readonly number[]): number {
  const middle = median(ratios);
  const distance = median(ratios.map((each) => Math.abs(each - middle)));
  const deviation = DEVIATION_OF_DISTANCE * distance;
  return middle === 0 ? 0 : (MEDIAN_OF_MEAN * deviation) / Math.sqrt(ratios.length) / middle;
}
