// Owns the tests of judging alarms: the state that follows, whatever fails on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId } from '@ironbark/core/ids.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { type AroundStep, takeStep } from '@ironbark/platform/reconciler.ts';
import type { AlarmDefinition } from '../app/alarms.ts';
import type { App } from '../app/app.ts';
import { MINUTE_MS } from '../app/metric-points.ts';
import { putPoints } from '../app/own-metrics.ts';
import { findAlarm, insertAlarm, updateAlarm } from '../store/alarms.ts';
import { openStore, type Store } from '../store/store.ts';
import { createAlarms } from './alarms.ts';

const ONE = '111111111111' as AccountId;
const NOW = 30_000_000 * MINUTE_MS + 30_000;
const SIGNAL = new AbortController().signal;
const DEFINITION: AlarmDefinition = {
  ...{ namespace: 'App', metricName: 'Latency', dimensions: [], statistic: 'Maximum' },
  ...{ periodSeconds: 60, actionsEnabled: true, comparison: 'GreaterThanThreshold', threshold: 2 },
  ...{ evaluationPeriods: 1, datapointsToAlarm: 1, treatMissing: 'missing' },
};

async function put(store: Store, value: number): Promise<void> {
  const samples = { samples: 1, sum: value, minimum: value, maximum: value };
  const minute = 30_000_000 * MINUTE_MS - MINUTE_MS;
  const key = { namespace: 'App', name: 'Latency', dimensions: [], unit: 'None' as const };
  await store.transaction((tx) => putPoints(tx, ONE, [{ ...key, ...samples, minute }]));
}

interface Time {
  nowMs: number;
  yields?: number;
}

function appOf(store: Store, aroundStep: AroundStep, time: Time = { nowMs: NOW }): App {
  const sleep = async () => {
    time.yields = (time.yields ?? 0) + 1;
  };
  const clock = { ...systemClock, nowMs: () => time.nowMs, sleep };
  return { store, clock, aroundStep } as unknown as App;
}

async function openWithAlarm(changes: Partial<AlarmDefinition> = {}): Promise<Store> {
  const store = await openStore(':memory:');
  const times = { configuredAt: 5, stateAt: 5, tags: '[]' };
  const state = 'INSUFFICIENT_DATA' as const;
  const definition = JSON.stringify({ ...DEFINITION, ...changes });
  await insertAlarm(store.query, {
    accountId: ONE,
    name: 'slow',
    definition,
    state,
    reason: '',
    ...times,
  });
  return store;
}

const stateOf = async (store: Store) => (await findAlarm(store.query, ONE, 'slow'))!;

test('an alarm takes the state of its metric once, and says by what', async () => {
  await using store = await openWithAlarm();
  let steps = 0;
  const time = { nowMs: NOW };
  const count: AroundStep = (_, step) => {
    steps += 1;
    return step();
  };
  const alarms = createAlarms(appOf(store, count, time));
  await alarms.reconcile('all', SIGNAL);
  assert.equal((await stateOf(store)).state, 'INSUFFICIENT_DATA');
  await put(store, 5);
  time.nowMs += MINUTE_MS;
  await alarms.reconcile('all', SIGNAL);
  time.nowMs += MINUTE_MS;
  await alarms.reconcile('all', SIGNAL);
  const { state, reason, stateAt } = await stateOf(store);
  assert.deepEqual([state, stateAt, steps], ['ALARM', NOW + MINUTE_MS, 1]);
  assert.match(reason, /GreaterThanThreshold 2, 1 of 1 datapoints: .* 5\./);
});

test('a step that fails before or after its effect is made up for by the next round', async () => {
  for (const isAfter of [false, true]) {
    await using store = await openWithAlarm();
    await put(store, 5);
    const failing = createAlarms(
      appOf(store, async (_, step) => {
        if (isAfter) await step();
        throw new Error('planted');
      }),
    );
    await assert.rejects(async () => await failing.reconcile('all', SIGNAL), /planted/);
    await createAlarms(appOf(store, (_, step) => step())).reconcile('all', SIGNAL);
    assert.equal((await stateOf(store)).state, 'ALARM');
  }
});

test('an alarm is judged once in its period, at once when it was put anew, and others have turns', async () => {
  await using store = await openWithAlarm({ periodSeconds: 300 });
  const time = { nowMs: NOW, yields: 0 };
  const alarms = createAlarms(appOf(store, takeStep, time));
  const rounds = async (minutes: number) => {
    for (let minute = 0; minute < minutes; minute += 1) {
      // Listing the keys again makes for rounds in between.
      await alarms.reconcile('all', SIGNAL);
      await alarms.reconcile('all', SIGNAL);
      time.nowMs += MINUTE_MS;
    }
    return time.yields;
  };
  assert.equal(await rounds(5), 1);
  assert.equal(await rounds(10), 3);
  await updateAlarm(store.query, { accountId: ONE, name: 'slow' }, { configuredAt: 6 });
  assert.equal(await rounds(1), 4);
  time.nowMs -= 60 * MINUTE_MS;
  assert.equal(await rounds(1), 5);
});
