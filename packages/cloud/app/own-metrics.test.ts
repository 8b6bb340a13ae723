// Owns the tests of users' own metrics: what is put, added up, kept and forgotten.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '@ironbark/core/ids.ts';
import {
  countOwnMetrics,
  listOwnMetrics,
  listOwnPeriods,
  listOwnPoints,
} from '../store/own-metrics.ts';
import { openStore, type Store } from '../store/store.ts';
import { KEPT_MINUTES, MINUTE_MS } from './metric-points.ts';
import { summarize } from './metric-statistics.ts';
import { forgetPoints, MOST_METRICS, type PutPoint, putPoints, seriesOf } from './own-metrics.ts';

const START = 30_000_000 * MINUTE_MS;
const ONE = '111111111111' as AccountId;
const OTHER = '222222222222' as AccountId;
const KEY = { namespace: 'App', name: 'Latency', dimensions: [['Host', 'a']] as const };

function point(minute: number, value: number, changes: Partial<PutPoint> = {}): PutPoint {
  const samples = { samples: 1, sum: value, minimum: value, maximum: value };
  return { ...KEY, ...samples, unit: 'Seconds', minute: START + minute * MINUTE_MS, ...changes };
}

function put(store: Store, points: readonly PutPoint[], accountId = ONE): Promise<void> {
  return store.transaction((tx) => putPoints(tx, accountId, points));
}

function pointsOf(store: Store, accountId = ONE) {
  const span = [START - KEPT_MINUTES * MINUTE_MS, START + KEPT_MINUTES * MINUTE_MS] as const;
  return listOwnPoints(store.query, [seriesOf(accountId, KEY)], span);
}

test('values of one minute are added up, in one request and in several', async () => {
  await using store = await openStore(':memory:');
  await put(store, [point(0, 3), point(0, 5), point(1, 1)]);
  await put(store, [point(0, 1)]);
  const found = await pointsOf(store);
  assert.deepEqual(
    found.map(({ minute, samples, sum, minimum, maximum }) => [
      ...[(minute - START) / MINUTE_MS, samples, sum, minimum, maximum],
    ]),
    [
      [0, 3, 9, 1, 5],
      [1, 1, 1, 1, 1],
    ],
  );
});

test('periods are added up by the store, in each unit, as they are from their minutes', async () => {
  await using store = await openStore(':memory:');
  const minutes = Array.from({ length: 180 }, (_, at) => point(at, at % 7));
  await put(store, [
    ...minutes.filter((_, at) => at < 60 || at >= 120),
    point(7, 3, { unit: 'Bytes' }),
  ]);
  const span = {
    fromMs: START + 5 * MINUTE_MS,
    endMs: START + 150 * MINUTE_MS,
    periodMs: 60 * MINUTE_MS,
  };
  const found = await listOwnPeriods(store.query, seriesOf(ONE, KEY), span);
  const seconds = found.filter(({ unit }) => unit === 'Seconds');
  assert.equal(seconds.length, 3, 'a row for each period, however many minutes it has');
  const points = (await pointsOf(store)).filter(({ unit }) => unit === 'Seconds');
  const values = points.map(({ minute, ...samples }) => ({ ...samples, atMs: minute }));
  assert.deepEqual(summarize(seconds, span), summarize(values, span));
  assert.deepEqual(
    found.filter(({ unit }) => unit === 'Bytes'),
    [{ unit: 'Bytes', atMs: span.fromMs, samples: 1, sum: 3, minimum: 3, maximum: 3 }],
  );
});

test('the order of dimensions names no other metric, another unit or account does', async () => {
  await using store = await openStore(':memory:');
  const dimensions = [
    ['Host', 'a'],
    ['Disk', 'b'],
  ] as const;
  await put(store, [point(0, 1, { dimensions })]);
  await put(store, [point(0, 1, { dimensions: dimensions.toReversed() })]);
  assert.equal(await countOwnMetrics(store.query, ONE), 1);
  await put(store, [point(0, 1, { dimensions, unit: 'Bytes' })]);
  assert.equal(await countOwnMetrics(store.query, ONE), 2);
  await put(store, [point(0, 1, { dimensions })], OTHER);
  assert.equal(await countOwnMetrics(store.query, ONE), 2);
  const key = { ...KEY, dimensions };
  assert.notEqual(seriesOf(ONE, key), seriesOf(OTHER, key));
});

test('points of more than 14 days are forgotten, and metrics that have none left', async () => {
  await using store = await openStore(':memory:');
  await put(store, [point(0, 1), point(10, 1)]);
  await put(store, [point(0, 1, { name: 'Old' })]);
  const nowMs = START + (KEPT_MINUTES + 5) * MINUTE_MS;
  await store.transaction((tx) => forgetPoints(tx, nowMs));
  assert.deepEqual((await pointsOf(store)).length, 1);
  const names = await listOwnMetrics(store.query, ONE, { after: '', limit: 10 });
  assert.deepEqual(
    names.map(({ name }) => name),
    ['Latency'],
  );
});

test('an older point put later does not make a metric older', async () => {
  await using store = await openStore(':memory:');
  await put(store, [point(10, 1)]);
  await put(store, [point(0, 1)]);
  const [row] = await listOwnMetrics(store.query, ONE, { after: '', limit: 10 });
  assert.equal(row!.newestMinute, START + 10 * MINUTE_MS);
});

test('an account has so many metrics and no more; those that it has go on', async () => {
  await using store = await openStore(':memory:');
  const many = Array.from({ length: MOST_METRICS }, (_, index) =>
    point(0, 1, { name: `Metric${index}` }),
  );
  await put(store, many);
  await assert.rejects(put(store, [point(0, 1)]), /at most 10000 metrics/);
  await put(store, [point(1, 1, { name: 'Metric7' })]);
  await put(store, [point(0, 1)], OTHER);
});
