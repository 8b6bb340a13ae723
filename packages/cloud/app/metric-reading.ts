// Owns the reading of one metric: what a request names, and its values in a span of time. What nobody has measured for
// the account, another account's volumes among it, has no values, as in AWS.

import type { AccountId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import { listVolumeMetrics } from '../store/volume-metrics.ts';
import type { App } from './app.ts';
import type { MetricValue, Span } from './metric-statistics.ts';
import { DIMENSION, findMetric, readMetric } from './volume-metrics.ts';

export interface MetricName {
  namespace: string;
  name: string;
  dimensions: readonly { Name?: string | undefined; Value?: string | undefined }[];
  /** Points of another unit are not meant; absent: of any. */
  unit: Unit | undefined;
}

export interface ReadMetric {
  unit: Unit | undefined;
  values: MetricValue[];
}

export async function readMetricValues(
  app: App,
  accountId: AccountId,
  asked: MetricName,
  span: Span,
): Promise<ReadMetric> {
  const metric = findMetric(asked.namespace, asked.name);
  const [dimension, ...others] = asked.dimensions;
  const volumeId = dimension?.Name === DIMENSION ? dimension.Value : undefined;
  const isMeant = asked.unit === undefined || asked.unit === metric?.unit;
  const isVolume = volumeId !== undefined && isResourceId('vol', volumeId);
  if (metric === undefined || !isMeant || !isVolume || others.length > 0) {
    return { unit: metric?.unit, values: [] };
  }
  const volume = { accountId, volumeId };
  const rows = await listVolumeMetrics(app.store.query, volume, [span.fromMs, span.endMs]);
  const values = rows.flatMap((row) => {
    const value = readMetric(metric, row);
    return value === undefined ? [] : [{ atMs: row.minute, value }];
  });
  return { unit: metric.unit, values };
}
