// Owns users' own metrics: what names one, what is put into a minute of it, and how long it is kept.

import { createHash } from 'node:crypto';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import type { OwnMetricPointRow, OwnMetricRow } from '../store/own-metric-schema.ts';
import {
  countOwnMetrics,
  deleteOwnPointsBefore,
  findOldestKept,
  findOwnMetrics,
  listAccountsOfOwnMetrics,
  listOwnPoints,
  putOwnMetrics,
  putOwnPoints,
} from '../store/own-metrics.ts';
import type { Queries } from '../store/store.ts';
import { KEPT_MINUTES, MINUTE_MS } from './metric-points.ts';
import { refuse } from './refusals.ts';

export interface MetricKey {
  namespace: string;
  name: string;
  dimensions: readonly (readonly [name: string, value: string])[];
}

/** Values of one minute, summed up. */
export interface Samples {
  samples: number;
  sum: number;
  minimum: number;
  maximum: number;
}

export interface PutPoint extends MetricKey, Samples {
  unit: Unit;
  /** Its beginning. */
  minute: number;
}

/** AWS has no such number; with it an account's names are a few megabytes. */
export const MOST_METRICS = 10_000;
/** Of an account, about 60 MB: 24 metrics have 14 days of minutes, 347 a day. The oldest minutes go first. */
export const MOST_POINTS = 500_000;
const SERIES_LENGTH = 32;

/** The order in which dimensions are given names no other metric. */
export function renderDimensions(dimensions: MetricKey['dimensions']): string {
  return JSON.stringify(dimensions.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

export function seriesOf(accountId: AccountId, key: MetricKey): string {
  const parts = [accountId, key.namespace, key.name, renderDimensions(key.dimensions)];
  const digest = createHash('sha256').update(JSON.stringify(parts)).digest('hex');
  return digest.slice(0, SERIES_LENGTH);
}

export function addSamples(one: Samples, other: Samples): Samples {
  return {
    samples: one.samples + other.samples,
    sum: one.sum + other.sum,
    minimum: Math.min(one.minimum, other.minimum),
    maximum: Math.max(one.maximum, other.maximum),
  };
}

/** Values of a minute that has some already are added to them. */
export async function putPoints(
  tx: Queries,
  accountId: AccountId,
  points: readonly PutPoint[],
): Promise<void> {
  const { metrics, rows } = gather(accountId, points);
  const series = [...new Set([...metrics.values()].map((row) => row.series))];
  const known = new Map((await findOwnMetrics(tx, series)).map((row) => [keyOf(row), row]));
  const fresh = [...metrics.keys()].filter((key) => !known.has(key)).length;
  if (fresh > 0 && (await countOwnMetrics(tx, accountId)) + fresh > MOST_METRICS) {
    const message = `An account has at most ${MOST_METRICS} metrics: names, dimensions and units. Those without a new point for 14 days go by themselves.`;
    throw refuse('limit-exceeded', 'request', message);
  }
  for (const [minute, of] of Map.groupBy(rows.values(), (row) => row.minute)) {
    const named = [...new Set(of.map((row) => row.series))];
    for (const there of await listOwnPoints(tx, named, [minute, minute + 1])) {
      const row = rows.get(minuteKeyOf(there));
      if (row !== undefined) Object.assign(row, addSamples(there, row));
    }
  }
  const newest = [...metrics].map(([key, row]) => ({
    ...row,
    newestMinute: Math.max(row.newestMinute, known.get(key)?.newestMinute ?? 0),
  }));
  await putOwnMetrics(tx, newest);
  await putOwnPoints(tx, [...rows.values()]);
}

function keyOf({ series, unit }: Pick<OwnMetricRow, 'series' | 'unit'>): string {
  return `${series} ${unit}`;
}

function minuteKeyOf(row: Pick<OwnMetricPointRow, 'series' | 'unit' | 'minute'>): string {
  return `${keyOf(row)} ${row.minute}`;
}

/** One row for each metric and each of its minutes. */
function gather(accountId: AccountId, points: readonly PutPoint[]) {
  const metrics = new Map<string, OwnMetricRow>();
  const rows = new Map<string, OwnMetricPointRow>();
  for (const { namespace, name, dimensions, unit, minute, ...samples } of points) {
    const series = seriesOf(accountId, { namespace, name, dimensions });
    const key = keyOf({ series, unit });
    const newestMinute = Math.max(minute, metrics.get(key)?.newestMinute ?? 0);
    metrics.set(key, {
      ...{ series, unit, accountId, namespace, name, newestMinute },
      dimensions: renderDimensions(dimensions),
    });
    const point = { series, unit, minute };
    const there = rows.get(minuteKeyOf(point));
    const sum = there === undefined ? samples : addSamples(there, samples);
    rows.set(minuteKeyOf(point), { ...point, accountId, ...sum });
  }
  return { metrics, rows };
}

/** What is older than 14 days, or does not fit, is forgotten. */
export async function forgetPoints(tx: Queries, nowMs: number): Promise<void> {
  const oldest = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS - KEPT_MINUTES * MINUTE_MS;
  for (const accountId of await listAccountsOfOwnMetrics(tx)) {
    const fitting = await findOldestKept(tx, accountId, MOST_POINTS);
    await deleteOwnPointsBefore(tx, accountId, Math.max(oldest, fitting ?? oldest));
  }
}
