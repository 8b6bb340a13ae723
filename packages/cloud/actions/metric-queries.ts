// Owns what GetMetricData takes as queries: metrics of volumes. Expressions are refused by name.

import type { ServiceError } from '@ironbark/core/errors.ts';
import type { MetricDataQuery, Statistic } from '@ironbark/protocol/cloudwatch/types.ts';
import type { MetricName } from '../app/metric-reading.ts';
import { refuse } from '../app/refusals.ts';

export interface MetricQuery {
  id: string;
  label: string;
  isReturned: boolean;
  metric: MetricName;
  periodSeconds: number;
  statistic: Statistic;
}

/** AWS's own. */
const MAX_QUERIES = 500;
const MIN_PERIOD_SECONDS = 60;
const ID = /^[a-z][a-zA-Z0-9_]{0,254}$/;
const STATISTICS: ReadonlySet<string> = new Set<Statistic>([
  'SampleCount',
  'Average',
  'Sum',
  'Minimum',
  'Maximum',
]);

export function badQuery(message: string): ServiceError {
  return refuse('invalid-parameter', 'metric-query', message);
}

/** Those whose values are asked for. */
export function checkQueries(
  queries: readonly MetricDataQuery[],
  accountId: string,
): MetricQuery[] {
  if (queries.length === 0 || queries.length > MAX_QUERIES) {
    throw badQuery(`The parameter MetricDataQueries takes 1 to ${MAX_QUERIES} queries.`);
  }
  const checked = queries.map((query) => checkQuery(query, accountId));
  const ids = checked.map(({ id }) => id);
  const twice = ids.find((id, at) => ids.indexOf(id) !== at);
  if (twice !== undefined) throw badQuery(`The Id ${twice} is used more than once.`);
  const returned = checked.filter(({ isReturned }) => isReturned);
  if (returned.length > 0) return returned;
  throw badQuery('At least one of the queries must have ReturnData set to true.');
}

function checkQuery(query: MetricDataQuery, accountId: string): MetricQuery {
  const { Id = '', MetricStat, Expression, Label, ReturnData, Period, AccountId } = query;
  if (!ID.test(Id)) {
    throw badQuery(
      `The Id ${Id.slice(0, 100)} is invalid: a lower-case letter, then letters, digits, underscores.`,
    );
  }
  if (Expression !== undefined) {
    throw badQuery(
      `The query ${Id} has an Expression: metric math and Metrics Insights are not offered by this cloud. Ask for ` +
        'its metrics with MetricStat.',
    );
  }
  if (MetricStat === undefined) throw badQuery(`The query ${Id} must have a MetricStat.`);
  if (Period !== undefined) {
    throw badQuery(`The query ${Id} has a Period beside MetricStat, which has one of its own.`);
  }
  if (AccountId !== undefined && AccountId !== accountId) {
    throw badQuery(`The query ${Id} names another account, whose metrics are its own.`);
  }
  return { id: Id, isReturned: ReturnData !== false, ...checkStat(Id, MetricStat, Label) };
}

function checkStat(
  id: string,
  stat: NonNullable<MetricDataQuery['MetricStat']>,
  label: string | undefined,
): Omit<MetricQuery, 'id' | 'isReturned'> {
  const { Metric, Period, Stat, Unit } = stat;
  const { Namespace: namespace, MetricName: name, Dimensions: dimensions = [] } = Metric ?? {};
  if (namespace === undefined || name === undefined) {
    throw badQuery(`The Metric of the query ${id} must have a Namespace and a MetricName.`);
  }
  const periodSeconds = Period ?? 0;
  if (periodSeconds < MIN_PERIOD_SECONDS || periodSeconds % MIN_PERIOD_SECONDS !== 0) {
    throw badQuery(`The Period of the query ${id} must be a multiple of ${MIN_PERIOD_SECONDS}.`);
  }
  if (Stat === undefined || !STATISTICS.has(Stat)) {
    throw badQuery(
      `The Stat of the query ${id} must be one of ${[...STATISTICS].join(', ')}; others are not offered here.`,
    );
  }
  if (label?.includes('${') === true) {
    throw badQuery(`The Label of the query ${id} is dynamic, which is not offered here.`);
  }
  const metric = { namespace, name, dimensions, unit: Unit };
  return { label: label ?? name, metric, periodSeconds, statistic: Stat as Statistic };
}
