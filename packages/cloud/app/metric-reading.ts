// Owns the reading of one metric: what a request names, and its values in a span of time. What nobody has measured for
// the account, another account's metrics among it, has no values, as in AWS.

import type { AccountId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import { listNetworkMetrics } from '../store/network-metrics.ts';
import { listOwnPeriods } from '../store/own-metrics.ts';
import { listVolumeMetrics } from '../store/volume-metrics.ts';
import type { App } from './app.ts';
import { type MetricValue, type Span, valueOfMinute } from './metric-statistics.ts';
import { findNetworkMetric, NETWORK_DIMENSION } from './network-metrics.ts';
import { seriesOf } from './own-metrics.ts';
import { DIMENSION, findMetric, readMetric } from './volume-metrics.ts';

export interface MetricName {
  namespace: string;
  name: string;
  dimensions: readonly { Name?: string | undefined; Value?: string | undefined }[];
  /** Points of another unit are not meant; absent: of any. */
  unit: Unit | undefined;
}

export interface ReadMetric {
  unit: Unit;
  /** In order of time; those of a period may be added up already. */
  values: MetricValue[];
}

/** Each unit by itself; none when there are no values. */
export async function readMetricValues(
  app: App,
  accountId: AccountId,
  asked: MetricName,
  span: Span,
): Promise<ReadMetric[]> {
  const { namespace, name } = asked;
  const isOf = (find: (one: string, other: string) => unknown) =>
    find(namespace, name) !== undefined;
  const read = isOf(findMetric) ? readVolume : isOf(findNetworkMetric) ? readNetwork : readOwn;
  const found = await read(app, accountId, asked, span);
  return found.filter(({ values }) => values.length > 0);
}

async function readVolume(
  app: App,
  accountId: AccountId,
  asked: MetricName,
  span: Span,
): Promise<ReadMetric[]> {
  const metric = findMetric(asked.namespace, asked.name)!;
  const [dimension, ...others] = asked.dimensions;
  const volumeId = dimension?.Name === DIMENSION ? dimension.Value : undefined;
  const isMeant = asked.unit === undefined || asked.unit === metric.unit;
  const isVolume = volumeId !== undefined && isResourceId('vol', volumeId);
  if (!isMeant || !isVolume || others.length > 0) return [];
  const volume = { accountId, volumeId };
  const rows = await listVolumeMetrics(app.store.query, volume, [span.fromMs, span.endMs]);
  const values = rows.flatMap((row) => {
    const value = readMetric(metric, row);
    return value === undefined ? [] : [valueOfMinute(row.minute, value)];
  });
  return [{ unit: metric.unit, values }];
}

async function readNetwork(
  app: App,
  accountId: AccountId,
  asked: MetricName,
  span: Span,
): Promise<ReadMetric[]> {
  const metric = findNetworkMetric(asked.namespace, asked.name)!;
  const [dimension, ...others] = asked.dimensions;
  const instanceId = dimension?.Name === NETWORK_DIMENSION ? dimension.Value : undefined;
  const isMeant = asked.unit === undefined || asked.unit === metric.unit;
  const isInstance = instanceId !== undefined && isResourceId('i', instanceId);
  if (!isMeant || !isInstance || others.length > 0) return [];
  const instance = { accountId, instanceId };
  const rows = await listNetworkMetrics(app.store.query, instance, [span.fromMs, span.endMs]);
  const values = rows.flatMap((row) => {
    const value = metric.read(row);
    return value === undefined ? [] : [valueOfMinute(row.minute, value)];
  });
  return [{ unit: metric.unit, values }];
}

async function readOwn(
  app: App,
  accountId: AccountId,
  { namespace, name, dimensions, unit }: MetricName,
  span: Span,
): Promise<ReadMetric[]> {
  const pairs = dimensions.map(({ Name = '', Value = '' }) => [Name, Value] as const);
  const series = seriesOf(accountId, { namespace, name, dimensions: pairs });
  const periods = await listOwnPeriods(app.store.query, series, span);
  const meant = periods.filter((point) => unit === undefined || point.unit === unit);
  const byUnit = Map.groupBy(meant, (point) => point.unit);
  return [...byUnit].map(([each, rows]) => ({
    unit: each,
    values: rows.map(({ unit: _unit, ...value }) => value),
  }));
}
