// Owns what state an alarm is in: from the newest periods of its metric. Pure.
//
// Source: CloudWatch User Guide, "Configuring how CloudWatch alarms treat missing data", whose tables the tests repeat.

import type { AlarmState } from '../store/alarm-schema.ts';

export type TreatMissing = 'missing' | 'ignore' | 'breaching' | 'notBreaching';
export type Comparison =
  | 'GreaterThanOrEqualToThreshold'
  | 'GreaterThanThreshold'
  | 'LessThanThreshold'
  | 'LessThanOrEqualToThreshold';

export const COMPARISONS: Readonly<
  Record<Comparison, (value: number, threshold: number) => boolean>
> = {
  GreaterThanOrEqualToThreshold: (value, threshold) => value >= threshold,
  GreaterThanThreshold: (value, threshold) => value > threshold,
  LessThanThreshold: (value, threshold) => value < threshold,
  LessThanOrEqualToThreshold: (value, threshold) => value <= threshold,
};

export interface AlarmRule {
  comparison: Comparison;
  threshold: number;
  evaluationPeriods: number;
  /** As many as there are periods when absent. */
  datapointsToAlarm?: number;
  treatMissing: TreatMissing;
}

/** Where points are missing, older ones count: of so many periods more, as in AWS's tables. */
export const MORE_PERIODS = 2;

export interface Judged {
  state: AlarmState;
  /** What it was judged by, the newest first. */
  datapoints: number[];
}

/** `newest`: by period, the newest first; undefined where there is no point. `now`: the state that it has. */
export function judgeAlarm(
  rule: AlarmRule,
  newest: readonly (number | undefined)[],
  now: AlarmState,
): Judged {
  const { comparison, threshold, evaluationPeriods, treatMissing } = rule;
  const range = newest.slice(0, evaluationPeriods + MORE_PERIODS);
  const known = range.filter((value) => value !== undefined).slice(0, evaluationPeriods);
  const breaching = known.filter((value) => COMPARISONS[comparison](value, threshold)).length;
  const missing = evaluationPeriods - known.length;
  const needed = rule.datapointsToAlarm ?? evaluationPeriods;
  const counts = { breaching, known: known.length, missing };
  return { state: treatments[treatMissing](needed, counts, now), datapoints: known };
}

interface Counts {
  breaching: number;
  known: number;
  missing: number;
}

type Treat = (datapointsToAlarm: number, counts: Counts, now: AlarmState) => AlarmState;

const treatments: Readonly<Record<TreatMissing, Treat>> = {
  breaching: (datapointsToAlarm, { breaching, missing }) =>
    breaching + missing >= datapointsToAlarm ? 'ALARM' : 'OK',
  notBreaching: (datapointsToAlarm, { breaching }) =>
    breaching >= datapointsToAlarm ? 'ALARM' : 'OK',
  missing: (datapointsToAlarm, { breaching, known }) => {
    if (known === 0) return 'INSUFFICIENT_DATA';
    return breaching >= Math.min(datapointsToAlarm, known) ? 'ALARM' : 'OK';
  },
  ignore: (datapointsToAlarm, { breaching, known }, now) => {
    if (known === 0) return now;
    if (breaching >= datapointsToAlarm) return 'ALARM';
    return breaching >= Math.min(datapointsToAlarm, known) ? now : 'OK';
  },
};
