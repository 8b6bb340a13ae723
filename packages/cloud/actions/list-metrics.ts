// Owns ListMetrics: the metrics that have points.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import type { App } from '../app/app.ts';
import { refuse } from '../app/refusals.ts';
import { DIMENSION, VOLUME_METRICS, type VolumeMetric } from '../app/volume-metrics.ts';
import type { VolumeMetricRow } from '../store/volume-metric-schema.ts';
import { findNewestVolumeMetric, findNextVolumeMetric } from '../store/volume-metrics.ts';
import type { RequestContext } from './action.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

/** "Up to 500 results are returned for any one call": a page ends with the volume that gets there. */
const MAX_METRICS = 500 - VOLUME_METRICS.length;
/** Looked up in a millisecond each; then others have their turn. */
const VOLUMES_AT_A_TIME = 16;
const RECENT_MS = 3 * 60 * 60_000;
const TOKEN = /^after:(vol-[0-9a-f]{1,17})$/;

type Input = CloudwatchInput<'ListMetrics'>;

export const listMetrics: CloudwatchHandler<'ListMetrics'> = async (app, context, input) => {
  const { accountId } = context;
  const isOther = input.OwningAccount !== undefined && input.OwningAccount !== accountId;
  const { found, nextToken } = isOther
    ? { found: [], nextToken: undefined }
    : await collect(app, context, input);
  return {
    Metrics: found,
    NextToken: nextToken,
    ...(input.IncludeLinkedAccounts === true
      ? { OwningAccounts: found.map(() => accountId as string) }
      : {}),
  };
};

async function collect(app: App, { accountId }: RequestContext, input: Input) {
  const db = app.store.query;
  const named = input.Dimensions?.find(({ Value }) => Value !== undefined)?.Value;
  if (named !== undefined) {
    const newest = await findNewestVolumeMetric(db, accountId, named as VolumeId);
    return { found: newest === undefined ? [] : select(app, newest, input), nextToken: undefined };
  }
  const found: ReturnType<typeof renderMetric>[] = [];
  let after = readToken(input.NextToken);
  for (let seen = 1; ; seen++) {
    if (found.length > MAX_METRICS) return { found, nextToken: writeToken(after) };
    if (seen % VOLUMES_AT_A_TIME === 0) await app.clock.sleep(0);
    const newest = await findNextVolumeMetric(db, accountId, after);
    if (newest === undefined) return { found, nextToken: undefined };
    after = newest.volumeId;
    found.push(...select(app, newest, input));
  }
}

/** What is asked for of one volume's metrics. */
function select(app: App, newest: VolumeMetricRow, input: Input) {
  const since = input.RecentlyActive === 'PT3H' ? app.clock.nowMs() - RECENT_MS : 0;
  if (newest.minute < since || !matchesDimensions(newest, input)) return [];
  const has = (metric: VolumeMetric) => !metric.isProvisioned || newest.provisionedIops !== null;
  const metrics = VOLUME_METRICS.filter((metric) => isNamed(metric, input) && has(metric));
  return metrics.map((metric) => renderMetric(metric, newest));
}

function isNamed(metric: VolumeMetric, { Namespace, MetricName }: Input): boolean {
  const isOfSpace = Namespace === undefined || Namespace === metric.namespace;
  return isOfSpace && (MetricName === undefined || MetricName === metric.name);
}

function matchesDimensions({ volumeId }: VolumeMetricRow, { Dimensions = [] }: Input): boolean {
  return Dimensions.every(
    ({ Name, Value }) => Name === DIMENSION && (Value === undefined || Value === volumeId),
  );
}

function renderMetric({ namespace, name }: VolumeMetric, { volumeId }: VolumeMetricRow) {
  const dimension = { Name: DIMENSION, Value: volumeId as string };
  return { Namespace: namespace, MetricName: name, Dimensions: [dimension] };
}

function writeToken(after: string): string {
  return Buffer.from(`after:${after}`).toString('base64url');
}

function readToken(token: string | undefined): string {
  if (token === undefined) return '';
  const after = TOKEN.exec(Buffer.from(token.slice(0, 100), 'base64url').toString())?.[1];
  if (after !== undefined) return after;
  const message = 'The NextToken is not one that ListMetrics gave. Start again without it.';
  throw refuse('invalid-parameter', 'page-token', message);
}
