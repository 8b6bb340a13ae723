// Owns the tests of what a zone tells of its nodes beside the changes of its instances.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccountId, InstanceId } from '@ironbark/core/ids.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { takeStep } from '@ironbark/platform/reconciler.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { ClusterDouble, doubleNode } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import type { App } from '../app/app.ts';
import { findPlaces } from '../app/capacity.ts';
import { openStore } from '../store/store.ts';
import { createZoneReport, ZONE_KEY } from './zone-report.ts';

const SIGNAL = new AbortController().signal;
const DEMAND = {
  ...{ id: 'i-new' as InstanceId, accountId: '111111111111' as AccountId },
  ...{ vcpus: 1, memoryMib: 1_024, rootDiskBytes: 1, group: undefined },
};

test('a node that is lost or drained while instances change elsewhere gets no launch from then on', async () => {
  for (const change of [{ health: 'lost' }, { isDraining: true }] as const) {
    await using store = await openStore(':memory:');
    const nodes = [doubleNode('node-a'), doubleNode('node-b', { memoryMib: 131_072 })];
    const cluster = new ClusterDouble({ nodes });
    const clock = { ...systemClock, monotonicMs: () => 0 };
    const app = { store, cluster, clock, aroundStep: takeStep } as unknown as App;
    const report = createZoneReport(app);
    const place = () =>
      store.transaction((tx) => findPlaces(tx, { allowSharedEmulation: false }, [DEMAND]));
    await report.reconcile(ZONE_KEY, SIGNAL);
    assert.equal((await place()).placed[0]?.nodeId, 'node-b');
    const intent = { id: 'i-old', power: 'running', generation: 1, interfaces: [], volumes: [] };
    await cluster.putInstances([{ nodeId: 'node-a', intent: intent as unknown as InstanceIntent }]);
    cluster.step();
    cluster.nodes = [nodes[0]!, { ...nodes[1]!, ...change }];
    await report.reconcile(ZONE_KEY, SIGNAL);
    assert.equal((await place()).placed[0]?.nodeId, 'node-a', JSON.stringify(change));
  }
});
