// Owns the tests of forgetting VPCs: the zone forgets what is deleted, whatever fails on the way.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import { takeStep } from '@ironbark/platform/reconciler.ts';
import { ClusterDouble } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import type { App } from '../app/app.ts';
import { openStore, type Store } from '../store/store.ts';
import { insertVpcGone, listVpcsGone } from '../store/vpcs.ts';
import { createVpcIntent } from './vpc-intent.ts';
import { VpcSender } from './vpc-sender.ts';

const ID = 'vpc-00000000000000001';
const SIGNAL = new AbortController().signal;

async function openWithGone(): Promise<Store> {
  const store = await openStore(':memory:');
  await store.transaction((tx) => insertVpcGone(tx, ID));
  return store;
}

function clusterWith(): ClusterDouble {
  const cluster = new ClusterDouble({ nodes: [] });
  const intent = { id: ID } as never;
  cluster.vpcs.set(ID, { generation: 1, intent });
  return cluster;
}

/** All keys, by a process that has just begun. */
async function round(store: Store, cluster: ClusterDouble, aroundStep: AroundStep): Promise<void> {
  const app = { store, cluster, aroundStep, clock: systemClock } as unknown as App;
  const reconciler = createVpcIntent(app, new VpcSender(app));
  for (const key of await reconciler.listKeys()) await reconciler.reconcile(key, SIGNAL);
}

test('a step that fails before or after its effect is made up for by the next process', async () => {
  for (const isAfter of [false, true]) {
    await using store = await openWithGone();
    const cluster = clusterWith();
    const failing = round(store, cluster, async (_, step) => {
      if (isAfter) await step();
      throw new Error('planted');
    });
    await assert.rejects(failing, /planted/);
    await round(store, cluster, takeStep);
    assert.deepEqual([cluster.vpcs.size, await listVpcsGone(store.query)], [0, []]);
  }
});

test('a zone that does not answer is asked again, and a step that runs twice does no harm', async () => {
  await using store = await openWithGone();
  const cluster = clusterWith();
  let isAway = true;
  const away = new ClusterDouble({
    nodes: [],
    failAt: (step) => {
      if (isAway && step.includes('forgetVpcs')) throw new Error('planted');
    },
  });
  await assert.rejects(round(store, away, takeStep), /planted/);
  assert.deepEqual(await listVpcsGone(store.query), [ID]);
  isAway = false;
  await round(store, cluster, async (_, step) => {
    await step();
    return step();
  });
  assert.deepEqual([cluster.vpcs.size, await listVpcsGone(store.query)], [0, []]);
});
