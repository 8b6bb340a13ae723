// Owns GetMetricStatistics.

import type { ErrorKind } from '@ironbark/core/errors.ts';
import type { CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import { readMetricValues } from '../app/metric-reading.ts';
import { countPeriods, createSpan, type Span, summarize } from '../app/metric-statistics.ts';
import { refuse } from '../app/refusals.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

/** "The maximum number of data points returned from a single call is 1,440": API reference. */
const MAX_DATAPOINTS = 1_440;
const MIN_PERIOD_SECONDS = 60;

export const getMetricStatistics: CloudwatchHandler<'GetMetricStatistics'> = async (
  app,
  { accountId },
  input,
) => {
  const span = readSpan(input);
  const asked = {
    namespace: input.Namespace,
    name: input.MetricName,
    dimensions: input.Dimensions ?? [],
    unit: input.Unit,
  };
  const found = await readMetricValues(app, accountId, asked, span);
  const wanted = input.Statistics ?? [];
  const points = found.flatMap(({ unit, values }) =>
    summarize(values, span).map((period) => ({
      Timestamp: new Date(period.atMs),
      ...Object.fromEntries(wanted.map((statistic) => [statistic, period[statistic]])),
      Unit: unit,
    })),
  );
  return { Label: input.MetricName, Datapoints: points };
};

function readSpan(input: CloudwatchInput<'GetMetricStatistics'>): Span {
  const { StartTime, EndTime, Period, Statistics = [], ExtendedStatistics = [] } = input;
  if (ExtendedStatistics.length > 0) {
    throw bad('invalid-parameter', 'ExtendedStatistics (percentiles) are not offered here.');
  }
  if (Statistics.length === 0) {
    const message =
      'At least one of the parameters Statistics and ExtendedStatistics must be specified.';
    throw bad('invalid-combination', message);
  }
  if (Period < MIN_PERIOD_SECONDS || Period % MIN_PERIOD_SECONDS !== 0) {
    const message = `The parameter Period must be a multiple of ${MIN_PERIOD_SECONDS}.`;
    throw bad('invalid-parameter', message);
  }
  if (StartTime >= EndTime) {
    const message = 'The parameter StartTime must be less than the parameter EndTime.';
    throw bad('invalid-parameter', message);
  }
  const span = createSpan(StartTime, EndTime, Period);
  const count = countPeriods(span);
  if (count <= MAX_DATAPOINTS) return span;
  throw bad(
    'invalid-combination',
    `You have requested up to ${count} datapoints, which exceeds the limit of ${MAX_DATAPOINTS}. You may reduce the ` +
      'datapoints requested by increasing Period, or decreasing the time range.',
  );
}

function bad(kind: ErrorKind, message: string) {
  return refuse(kind, 'request', message);
}
