// Owns ListMetrics: the metrics that have points, volumes' first, then users' own.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import type { App } from '../app/app.ts';
import { refuse } from '../app/refusals.ts';
import { DIMENSION, VOLUME_METRICS, type VolumeMetric } from '../app/volume-metrics.ts';
import type { OwnMetricRow } from '../store/own-metric-schema.ts';
import { listOwnMetrics } from '../store/own-metrics.ts';
import type { VolumeMetricRow } from '../store/volume-metric-schema.ts';
import { findNewestVolumeMetric, findNextVolumeMetric } from '../store/volume-metrics.ts';
import type { RequestContext } from './action.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

/** "Up to 500 results are returned for any one call": a page ends with the volume that gets there. */
const MAX_METRICS = 500 - VOLUME_METRICS.length;
/** Looked up in a millisecond each; then others have their turn. */
const VOLUMES_AT_A_TIME = 16;
/** Of users' own, looked at for one page; it may hold few of them. */
const OWN_AT_A_TIME = 2_000;
const RECENT_MS = 3 * 60 * 60_000;
const TOKEN = /^(?:after:(vol-[0-9a-f]{1,17})|own:([0-9a-f]{0,32}))$/;

type Input = CloudwatchInput<'ListMetrics'>;

interface Listed {
  Namespace: string;
  MetricName: string;
  Dimensions: { Name: string; Value: string }[];
}

interface Page {
  found: Listed[];
  nextToken: string | undefined;
}

/** After which volume or which of users' own a page begins. */
interface Place {
  volume: string;
  /** Undefined while there are volumes to look at. */
  own: string | undefined;
}

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

async function collect(app: App, context: RequestContext, input: Input): Promise<Page> {
  const place = readToken(input.NextToken);
  if (place.own !== undefined) return await collectOwn(app, context, { input, after: place.own });
  const found: Listed[] = [];
  let after = place.volume;
  for (let seen = 1; ; seen++) {
    if (found.length > MAX_METRICS) return { found, nextToken: writeToken(`after:${after}`) };
    if (seen % VOLUMES_AT_A_TIME === 0) await app.clock.sleep(0);
    const newest = await findVolume(app, context, { input, after });
    if (newest === undefined) break;
    after = newest.volumeId;
    found.push(...select(app, newest, input));
  }
  // Those of volumes end a page, so that each place is in one of the two lists.
  if (found.length > 0 && (await hasOwn(app, context))) {
    return { found, nextToken: writeToken('own:') };
  }
  if (found.length > 0) return { found, nextToken: undefined };
  return await collectOwn(app, context, { input, after: '' });
}

/** The next volume that may be asked for: the one that is named, or any. */
async function findVolume(
  app: App,
  { accountId }: RequestContext,
  { input, after }: { input: Input; after: string },
): Promise<VolumeMetricRow | undefined> {
  const db = app.store.query;
  const named = input.Dimensions?.find(({ Value }) => Value !== undefined)?.Value;
  if (named === undefined) return await findNextVolumeMetric(db, accountId, after);
  return after === '' ? await findNewestVolumeMetric(db, accountId, named as VolumeId) : undefined;
}

async function hasOwn(app: App, { accountId }: RequestContext): Promise<boolean> {
  const [first] = await listOwnMetrics(app.store.query, accountId, { after: '', limit: 1 });
  return first !== undefined;
}

async function collectOwn(
  app: App,
  { accountId }: RequestContext,
  { input, after }: { input: Input; after: string },
): Promise<Page> {
  const page = { after, limit: OWN_AT_A_TIME };
  const rows = await listOwnMetrics(app.store.query, accountId, page);
  // The last may have more units than are here.
  const isLast = rows.length < OWN_AT_A_TIME;
  const whole = isLast ? rows : rows.filter(({ series }) => series !== rows.at(-1)!.series);
  const found: Listed[] = [];
  for (const [series, units] of Map.groupBy(whole, (row) => row.series)) {
    const listed = renderOwn(units[0]!);
    const newestMinute = Math.max(...units.map((unit) => unit.newestMinute));
    if (matchesOwn(app, newestMinute, { listed, input })) found.push(listed);
    if (found.length === MAX_METRICS) return { found, nextToken: writeToken(`own:${series}`) };
  }
  return { found, nextToken: isLast ? undefined : writeToken(`own:${whole.at(-1)!.series}`) };
}

function renderOwn({ namespace, name, dimensions }: OwnMetricRow): Listed {
  const pairs = JSON.parse(dimensions) as [string, string][];
  const Dimensions = pairs.map(([Name, Value]) => ({ Name, Value }));
  return { Namespace: namespace, MetricName: name, Dimensions };
}

function matchesOwn(
  app: App,
  newestMinute: number,
  { listed, input }: { listed: Listed; input: Input },
): boolean {
  const { Namespace, MetricName, Dimensions = [] } = input;
  const isNamed =
    (Namespace === undefined || Namespace === listed.Namespace) &&
    (MetricName === undefined || MetricName === listed.MetricName);
  const has = ({ Name, Value }: { Name?: string | undefined; Value?: string | undefined }) =>
    listed.Dimensions.some(
      (each) => each.Name === Name && (Value === undefined || each.Value === Value),
    );
  return isNamed && newestMinute >= sinceOf(app, input) && Dimensions.every(has);
}

function sinceOf(app: App, { RecentlyActive }: Input): number {
  return RecentlyActive === 'PT3H' ? app.clock.nowMs() - RECENT_MS : 0;
}

/** What is asked for of one volume's metrics. */
function select(app: App, newest: VolumeMetricRow, input: Input): Listed[] {
  if (newest.minute < sinceOf(app, input) || !matchesDimensions(newest, input)) return [];
  const metrics = VOLUME_METRICS.filter((metric) => isNamed(metric, input) && metric.isOf(newest));
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

function renderMetric({ namespace, name }: VolumeMetric, { volumeId }: VolumeMetricRow): Listed {
  const dimension = { Name: DIMENSION, Value: volumeId as string };
  return { Namespace: namespace, MetricName: name, Dimensions: [dimension] };
}

function writeToken(place: string): string {
  return Buffer.from(place).toString('base64url');
}

function readToken(token: string | undefined): Place {
  if (token === undefined) return { volume: '', own: undefined };
  const match = TOKEN.exec(Buffer.from(token.slice(0, 100), 'base64url').toString());
  if (match !== null) return { volume: match[1] ?? '', own: match[2] };
  const message = 'The NextToken is not one that ListMetrics gave. Start again without it.';
  throw refuse('invalid-parameter', 'page-token', message);
}
