// Owns PutMetricData: users' own metrics, kept by the minute.

import type { ServiceError } from '@ironbark/core/errors.ts';
import type { CloudwatchInput, MetricDatum } from '@ironbark/protocol/cloudwatch/types.ts';
import { MINUTE_MS } from '../app/metric-points.ts';
import {
  addSamples,
  type MetricKey,
  type PutPoint,
  putPoints,
  type Samples,
} from '../app/own-metrics.ts';
import { missingParameter, refuse, refuseParameters } from '../app/refusals.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

/** "Each PutMetricData request is limited to 1 MB in size ... up to 1000 different metrics": API reference. */
const MAX_DATA = 1_000;
/** "You can use up to 30 dimensions per metric"; "up to 150 values per metric". */
const MAX_DIMENSIONS = 30;
const MAX_VALUES = 150;
/** "Time stamps can be as much as two weeks before the current date, and as much as 2 hours after". */
const MAX_AGE_MS = 14 * 24 * 60 * 60_000;
const MAX_AHEAD_MS = 2 * 60 * 60_000;
/** "Values must be in the range of -2^360 to 2^360." */
const MAX_VALUE = 2 ** 360;
const MAX_NAME = 255;
const MAX_DIMENSION_VALUE = 1_024;
/** What the cloud itself writes down. */
const RESERVED = /^(AWS|Ironbark)\//i;
const MINUTE_SECONDS = 60;

export const putMetricData: CloudwatchHandler<'PutMetricData'> = async (
  app,
  { accountId },
  input,
) => {
  refuseParameters(input, ['EntityMetricData', 'StrictEntityValidation']);
  const points = readPoints(input, app.clock.nowMs());
  await app.store.transaction((tx) => putPoints(tx, accountId, points));
  return {};
};

function readPoints(
  { Namespace, MetricData = [] }: CloudwatchInput<'PutMetricData'>,
  nowMs: number,
): PutPoint[] {
  checkNamespace(Namespace);
  if (MetricData.length === 0) throw missingParameter('MetricData');
  if (MetricData.length > MAX_DATA) {
    throw bad(`The parameter MetricData takes up to ${MAX_DATA} metrics.`);
  }
  return MetricData.map((datum, index) => {
    const place = `MetricData.member.${index + 1}`;
    return {
      namespace: Namespace,
      name: checkText(datum.MetricName, `${place}.MetricName`, MAX_NAME),
      dimensions: readDimensions(datum, place),
      unit: datum.Unit ?? 'None',
      minute: readMinute(datum, place, nowMs),
      ...readSamples(datum, place),
    };
  });
}

function checkNamespace(namespace: string): void {
  checkText(namespace, 'Namespace', MAX_NAME);
  if (RESERVED.test(namespace)) {
    throw bad('The value AWS/ or Ironbark/ for parameter Namespace is reserved: choose another.');
  }
}

/** Of visible ASCII characters and spaces; a colon begins names of AWS's own. */
function checkText(text: string | undefined, place: string, most: number): string {
  if (text === undefined) throw missingParameter(place);
  const isText = text.length <= most && /^[\x20-\x7e]+$/.test(text) && text.trim() !== '';
  if (isText && !text.startsWith(':')) return text;
  throw bad(
    `The parameter ${place} must be 1 to ${most} ASCII characters, not blank, and not begin with a colon.`,
  );
}

function readDimensions({ Dimensions = [] }: MetricDatum, place: string): MetricKey['dimensions'] {
  if (Dimensions.length > MAX_DIMENSIONS) {
    throw bad(`The parameter ${place}.Dimensions takes up to ${MAX_DIMENSIONS} dimensions.`);
  }
  const dimensions = Dimensions.map(({ Name, Value }, index) => {
    const of = `${place}.Dimensions.member.${index + 1}`;
    return [
      checkText(Name, `${of}.Name`, MAX_NAME),
      checkText(Value, `${of}.Value`, MAX_DIMENSION_VALUE),
    ] as const;
  });
  if (new Set(dimensions.map(([name]) => name)).size < dimensions.length) {
    throw bad(`The parameter ${place}.Dimensions names a dimension twice.`);
  }
  return dimensions;
}

function readMinute(
  { Timestamp, StorageResolution = MINUTE_SECONDS }: MetricDatum,
  place: string,
  nowMs: number,
): number {
  if (StorageResolution !== MINUTE_SECONDS) {
    throw bad(`The ${place}.StorageResolution is 60 here: metrics are kept by the minute.`);
  }
  const atMs = Timestamp?.getTime() ?? nowMs;
  if (atMs < nowMs - MAX_AGE_MS || atMs > nowMs + MAX_AHEAD_MS) {
    throw bad(
      `The parameter ${place}.Timestamp must be within the last two weeks and the next two hours.`,
    );
  }
  return Math.floor(atMs / MINUTE_MS) * MINUTE_MS;
}

function readSamples(datum: MetricDatum, place: string): Samples {
  const { Value, Values, StatisticValues } = datum;
  const given = [Value, Values, StatisticValues].filter((each) => each !== undefined);
  if (given.length === 0) throw missingParameter(`${place}.Value`);
  if (given.length > 1) {
    const message = `The parameters ${place}.Value, Values and StatisticValues exclude each other.`;
    throw refuse('invalid-combination', 'request', message);
  }
  if (Value !== undefined) return samplesOf(Value, 1, `${place}.Value`);
  return Values === undefined
    ? readStatistics(datum, `${place}.StatisticValues`)
    : readValues(datum, place);
}

function samplesOf(value: number, count: number, place: string): Samples {
  checkNumber(value, place);
  return { samples: count, sum: value * count, minimum: value, maximum: value };
}

function readValues({ Values = [], Counts }: MetricDatum, place: string): Samples {
  const isMatched = Counts === undefined || Counts.length === Values.length;
  if (Values.length === 0 || Values.length > MAX_VALUES || !isMatched) {
    throw bad(
      `The parameter ${place}.Values takes 1 to ${MAX_VALUES} values, and Counts one for each.`,
    );
  }
  const samples = Values.map((value, index) => {
    const count = Counts?.[index] ?? 1;
    checkCount(count, `${place}.Counts`);
    return samplesOf(value, count, `${place}.Values`);
  });
  return samples.reduce(addSamples);
}

function readStatistics({ StatisticValues }: MetricDatum, place: string): Samples {
  const { SampleCount, Sum, Minimum, Maximum } = StatisticValues!;
  const [samples, sum] = [SampleCount ?? Number.NaN, Sum ?? Number.NaN];
  const [minimum, maximum] = [Minimum ?? Number.NaN, Maximum ?? Number.NaN];
  checkCount(samples, `${place}.SampleCount`);
  for (const value of [sum, minimum, maximum]) checkNumber(value, place);
  if (minimum > maximum) throw bad(`The ${place} has a Minimum above its Maximum.`);
  return { samples, sum, minimum, maximum };
}

function checkNumber(value: number, place: string): void {
  if (Math.abs(value) <= MAX_VALUE) return;
  throw bad(`The parameter ${place} must be a number from -2^360 to 2^360.`);
}

function checkCount(count: number, place: string): void {
  if (count > 0 && count <= MAX_VALUE) return;
  throw bad(`The parameter ${place} must be a number above 0.`);
}

function bad(message: string): ServiceError {
  return refuse('invalid-parameter', 'request', message);
}
