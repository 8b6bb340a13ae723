// Owns when a row has been measured often enough, and which one is measured next: a quick run measures every row once, and
// then, for as long as it may take, again those whose ratio could still come out differently. Pure.

import { median, spreadOf } from './statistics.ts';

/** Fewer say nothing of how far they lie apart. */
const LEAST_ROUNDS = 3;
/** More would hold up the rows that a few can settle. */
export const MOST_ROUNDS = 15;
/** Of the one in the middle. Three runs lie at most four times this apart, 99 times in 100: within the 5 % to which they are to agree. */
const GOOD_ERROR = 0.0125;
/** Of normally distributed figures: from the median distance to the deviation, and from that to the median's own. */
const DEVIATION_OF_DISTANCE = 1.4826;
const MEDIAN_OF_MEAN = 1.2533;
/** From the range of so many normally distributed figures to their deviation (the d2 of control charts). */
const RANGE_OF_DEVIATION: Readonly<Record<number, number>> = {
  2: 1.128,
  3: 1.693,
  4: 2.059,
  5: 2.326,
};

/** `ratios`: of the rounds so far. */
export function isSettled(ratios: readonly number[]): boolean {
  if (ratios.length >= MOST_ROUNDS) return true;
  return ratios.length >= LEAST_ROUNDS && errorOf(ratios) <= GOOD_ERROR;
}

/** How far off the one in the middle is expected to be, as a share of it. */
export function errorOf(ratios: readonly number[]): number {
  const middle = median(ratios);
  if (middle === 0) return 0;
  return (MEDIAN_OF_MEAN * deviationOf(ratios)) / Math.sqrt(ratios.length) / middle;
}

/** Of a few, two are often close by chance, so their range counts; of many, one that lies far off does not. */
function deviationOf(ratios: readonly number[]): number {
  const perRange = RANGE_OF_DEVIATION[ratios.length];
  const { median: middle, lowest, highest } = spreadOf(ratios);
  if (perRange !== undefined) return (highest - lowest) / perRange;
  return DEVIATION_OF_DISTANCE * median(ratios.map((each) => Math.abs(each - middle)));
}

export interface MeasuredSoFar<Row> {
  row: Row;
  /** Of what it is held against: rows of one are measured together. */
  key: string;
  ratios: readonly number[];
}

/** Those to measure next: of the row that is least certain, all that are open and held against the same. None: all are settled. */
export function leastCertain<Row>(rows: readonly MeasuredSoFar<Row>[]): Row[] {
  const open = rows.filter(({ ratios }) => !isSettled(ratios));
  const [worst] = open.toSorted((one, other) => uncertaintyOf(other) - uncertaintyOf(one));
  return open.filter(({ key }) => key === worst?.key).map(({ row }) => row);
}

/** Those that were measured least come before all of which something can be said. */
function uncertaintyOf({ ratios }: MeasuredSoFar<unknown>): number {
  return ratios.length < LEAST_ROUNDS ? 1_000 - ratios.length : errorOf(ratios);
}
