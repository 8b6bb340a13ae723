// Owns GetMetricData.

import type { CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import type { App } from '../app/app.ts';
import { KEPT_MINUTES, MINUTE_MS } from '../app/metric-points.ts';
import { readMetricValues } from '../app/metric-reading.ts';
import { countPeriods, createSpan, summarize } from '../app/metric-statistics.ts';
import { takePage } from '../app/pages.ts';
import type { RequestContext } from './action.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';
import { badQuery, checkQueries, type MetricQuery } from './metric-queries.ts';

/** "As many as 500 different metrics in a single request, with a total of as many as 100,800 data points". */
const MAX_DATAPOINTS = 100_800;
/** A day of 500 metrics. */
const MAX_MINUTES = 720_000;
/** A day of a volume is read in some milliseconds; then others have their turn. */
const QUERIES_AT_A_TIME = 8;
/** Any time that a date can hold has so many digits. */
const TIME_DIGITS = 16;
const LATEST_MS = 8.64e15;

type Span = Pick<CloudwatchInput<'GetMetricData'>, 'StartTime' | 'EndTime'>;

interface Point {
  /** Place of its query in the request. */
  query: number;
  atMs: number;
  value: number;
}

export const getMetricData: CloudwatchHandler<'GetMetricData'> = async (app, context, input) => {
  if (input.StartTime >= input.EndTime) {
    throw badQuery('The parameter StartTime must be less than the parameter EndTime.');
  }
  const queries = checkQueries(input.MetricDataQueries, context.accountId);
  checkSize(input, queries);
  checkWork(input, queries);
  const points: Point[] = [];
  for (const [index, query] of queries.entries()) {
    if (index % QUERIES_AT_A_TIME === QUERIES_AT_A_TIME - 1) await app.clock.sleep(0);
    points.push(...(await readPoints(app, context, { input, query, index })));
  }
  const isDescending = input.ScanBy !== 'TimestampAscending';
  const { items, nextToken } = takePage(points, pageRequest(input), {
    action: 'GetMetricData',
    sortKey: (point) => sortKey(point, isDescending),
    minResults: 1,
    maxResults: MAX_DATAPOINTS,
    aboveMax: 'refuse',
  });
  const last = nextToken === undefined ? undefined : items.at(-1);
  const results = queries.map(({ id, label }, index) => {
    const own = items.filter(({ query }) => query === index);
    return {
      Id: id,
      Label: label,
      Timestamps: own.map(({ atMs }) => new Date(atMs)),
      Values: own.map(({ value }) => value),
      StatusCode: last === undefined || index < last.query ? 'Complete' : 'PartialData',
    } as const;
  });
  return { MetricDataResults: results, NextToken: nextToken, Messages: [] };
};

/** Of what is kept, that is: a longer span has no more points. */
function checkSize(input: CloudwatchInput<'GetMetricData'>, queries: readonly MetricQuery[]): void {
  const counts = queries.map(({ periodSeconds }) => {
    const periods = countPeriods(createSpan(input.StartTime, input.EndTime, periodSeconds));
    return Math.min(periods, Math.ceil((KEPT_MINUTES * 60) / periodSeconds));
  });
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total <= MAX_DATAPOINTS) return;
  throw badQuery(
    `You have requested up to ${total} datapoints, which exceeds the limit of ${MAX_DATAPOINTS}. Ask for fewer metrics, ` +
      'longer periods or a shorter time.',
  );
}

/** Long periods have few datapoints, and all of their minutes are read. */
function checkWork({ StartTime, EndTime }: Span, queries: readonly MetricQuery[]): void {
  const minutes = Math.ceil((EndTime.getTime() - StartTime.getTime()) / MINUTE_MS);
  const total = queries.length * Math.min(minutes, KEPT_MINUTES);
  if (total <= MAX_MINUTES) return;
  throw badQuery(
    `The queries span ${total} minutes in all, and one request reads up to ${MAX_MINUTES}. Ask for fewer metrics or a shorter time.`,
  );
}

function pageRequest({ MaxDatapoints, NextToken }: CloudwatchInput<'GetMetricData'>) {
  return { MaxResults: MaxDatapoints, NextToken };
}

/** Points that come in meanwhile change nobody's place. */
function sortKey({ query, atMs }: Point, isDescending: boolean): string {
  const time = isDescending ? LATEST_MS - atMs : atMs;
  return `${String(query).padStart(3, '0')} ${String(time).padStart(TIME_DIGITS, '0')}`;
}

async function readPoints(
  app: App,
  { accountId }: RequestContext,
  asked: { input: CloudwatchInput<'GetMetricData'>; query: MetricQuery; index: number },
): Promise<Point[]> {
  const { input, query, index } = asked;
  const span = createSpan(input.StartTime, input.EndTime, query.periodSeconds);
  const found = await readMetricValues(app, accountId, query.metric, span);
  const values = found.flatMap((each) => each.values);
  return summarize(values, span).map((period) => ({
    query: index,
    atMs: period.atMs,
    value: period[query.statistic],
  }));
}
