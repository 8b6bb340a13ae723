// Owns ListMetrics: the metrics that have points, volumes' first, then those of instances' network cards, then users' own.

import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import type { App } from '../app/app.ts';
import { NETWORK_DIMENSION, NETWORK_METRICS, type NetworkMetric } from '../app/network-metrics.ts';
import { refuse } from '../app/refusals.ts';
import { DIMENSION, VOLUME_METRICS, type VolumeMetric } from '../app/volume-metrics.ts';
import type { NetworkMetricRow } from '../store/network-metric-schema.ts';
import { findNewestNetworkMetric, findNextNetworkMetric } from '../store/network-metrics.ts';
import type { OwnMetricRow } from '../store/own-metric-schema.ts';
import { listOwnMetrics } from '../store/own-metrics.ts';
import type { VolumeMetricRow } from '../store/volume-metric-schema.ts';
import { findNewestVolumeMetric, findNextVolumeMetric } from '../store/volume-metrics.ts';
import type { RequestContext } from './action.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

/** "Up to 500 results are returned for any one call": a page ends with the volume that gets there. */
const MAX_METRICS = 500 - VOLUME_METRICS.length;
/** Looked up in a millisecond each; then others have their turn. */
const FOUND_AT_A_TIME = 16;
/** Of users' own, looked at for one page; it may hold few of them. */
const OWN_AT_A_TIME = 2_000;
const RECENT_MS = 3 * 60 * 60_000;

/** Volumes, instances' network cards, users' own. */
const STAGES = ['after', 'net', 'own'] as const;
type Stage = (typeof STAGES)[number];
/** After which a page of a stage begins. */
const PLACES: Readonly<Record<Stage, RegExp>> = {
  after: /^vol-[0-9a-f]{1,17}$/,
  net: /^(?:i-[0-9a-f]{1,17})?$/,
  own: /^[0-9a-f]{0,32}$/,
};

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

interface Place {
  stage: Stage;
  /** Empty: from the stage's first one on. */
  after: string;
}

interface Asked {
  input: Input;
  after: string;
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

/** One stage after the other, each ending a page, so that each place is in one list. */
async function collect(app: App, context: RequestContext, input: Input): Promise<Page> {
  let place = readToken(input.NextToken);
  for (;;) {
    const { stage, after }: Place = place;
    const page: Page = await COLLECT[stage](app, context, { input, after });
    const next: Stage | undefined = STAGES[STAGES.indexOf(stage) + 1];
    if (page.nextToken !== undefined || next === undefined) return page;
    if (page.found.length > 0) {
      const hasMore = await hasFrom(app, context, next);
      return { found: page.found, nextToken: hasMore ? writeToken(`${next}:`) : undefined };
    }
    place = { stage: next, after: '' };
  }
}

type Collect = (app: App, context: RequestContext, asked: Asked) => Promise<Page>;

const COLLECT: Readonly<Record<Stage, Collect>> = {
  after: (app, context, asked) =>
    collectMeasured(app, asked, {
      stage: 'after',
      find: async (after) => {
        const newest = await findVolume(app, context, { ...asked, after });
        return newest && { id: newest.volumeId, listed: selectVolume(app, newest, asked.input) };
      },
    }),
  net: (app, context, asked) =>
    collectMeasured(app, asked, {
      stage: 'net',
      find: async (after) => {
        const newest = await findInstance(app, context, { ...asked, after });
        return newest && { id: newest.instanceId, listed: selectNetwork(app, newest, asked.input) };
      },
    }),
  own: (app, context, asked) => collectOwn(app, context, asked),
};

interface Measured {
  stage: Stage;
  /** What comes after an id. */
  find(after: string): Promise<{ id: string; listed: Listed[] } | undefined>;
}

async function collectMeasured(
  app: App,
  { after: begin }: Asked,
  { stage, find }: Measured,
): Promise<Page> {
  const found: Listed[] = [];
  let after = begin;
  for (let seen = 1; ; seen++) {
    if (found.length > MAX_METRICS) return { found, nextToken: writeToken(`${stage}:${after}`) };
    if (seen % FOUND_AT_A_TIME === 0) await app.clock.sleep(0);
    const next = await find(after);
    if (next === undefined) return { found, nextToken: undefined };
    after = next.id;
    found.push(...next.listed);
  }
}

/** The next volume that may be asked for: the one that is named, or any. */
async function findVolume(
  app: App,
  { accountId }: RequestContext,
  { input, after }: Asked,
): Promise<VolumeMetricRow | undefined> {
  const db = app.store.query;
  const named = nameIn(input);
  if (named === undefined) return await findNextVolumeMetric(db, accountId, after);
  return after === '' ? await findNewestVolumeMetric(db, accountId, named as VolumeId) : undefined;
}

async function findInstance(
  app: App,
  { accountId }: RequestContext,
  { input, after }: Asked,
): Promise<NetworkMetricRow | undefined> {
  const db = app.store.query;
  const named = nameIn(input);
  if (named === undefined) return await findNextNetworkMetric(db, accountId, after);
  const id = named as InstanceId;
  return after === '' ? await findNewestNetworkMetric(db, accountId, id) : undefined;
}

function nameIn({ Dimensions }: Input): string | undefined {
  return Dimensions?.find(({ Value }) => Value !== undefined)?.Value;
}

/** Whether a page of this stage or a later one would have anything. */
async function hasFrom(app: App, context: RequestContext, stage: Stage): Promise<boolean> {
  const { accountId } = context;
  const isNetwork =
    stage === 'net' && (await findNextNetworkMetric(app.store.query, accountId, '')) !== undefined;
  return isNetwork || (await hasOwn(app, context));
}

async function hasOwn(app: App, { accountId }: RequestContext): Promise<boolean> {
  const [first] = await listOwnMetrics(app.store.query, accountId, { after: '', limit: 1 });
  return first !== undefined;
}

async function collectOwn(
  app: App,
  { accountId }: RequestContext,
  { input, after }: Asked,
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
function selectVolume(app: App, newest: VolumeMetricRow, input: Input): Listed[] {
  const dimension = { Name: DIMENSION, Value: newest.volumeId };
  if (newest.minute < sinceOf(app, input) || !matchesDimension(dimension, input)) return [];
  const metrics = VOLUME_METRICS.filter((metric) => isNamed(metric, input) && metric.isOf(newest));
  return metrics.map((metric) => renderMetric(metric, dimension));
}

/** And of one instance's network cards. */
function selectNetwork(app: App, newest: NetworkMetricRow, input: Input): Listed[] {
  const dimension = { Name: NETWORK_DIMENSION, Value: newest.instanceId };
  if (newest.minute < sinceOf(app, input) || !matchesDimension(dimension, input)) return [];
  const metrics = NETWORK_METRICS.filter(
    (metric) => isNamed(metric, input) && metric.read(newest) !== undefined,
  );
  return metrics.map((metric) => renderMetric(metric, dimension));
}

type Named = Pick<VolumeMetric | NetworkMetric, 'namespace' | 'name'>;
type Dimension = Listed['Dimensions'][number];

function isNamed(metric: Named, { Namespace, MetricName }: Input): boolean {
  const isOfSpace = Namespace === undefined || Namespace === metric.namespace;
  return isOfSpace && (MetricName === undefined || MetricName === metric.name);
}

function matchesDimension(own: Dimension, { Dimensions = [] }: Input): boolean {
  return Dimensions.every(
    ({ Name, Value }) => Name === own.Name && (Value === undefined || Value === own.Value),
  );
}

function renderMetric({ namespace, name }: Named, dimension: Dimension): Listed {
  return { Namespace: namespace, MetricName: name, Dimensions: [dimension] };
}

function writeToken(place: string): string {
  return Buffer.from(place).toString('base64url');
}

function readToken(token: string | undefined): Place {
  if (token === undefined) return { stage: 'after', after: '' };
  const text = Buffer.from(token.slice(0, 100), 'base64url').toString();
  const stage = STAGES.find((each) => text.startsWith(`${each}:`));
  const after = text.slice(`${stage}:`.length);
  if (stage !== undefined && PLACES[stage].test(after)) return { stage, after };
  const message = 'The NextToken is not one that ListMetrics gave. Start again without it.';
  throw refuse('invalid-parameter', 'page-token', message);
}
