import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import { FlowWindows } from '../app/flow-windows.ts';
import { createFlowReconciler } from './flow-windows.ts';

const MINUTE_MS = 60_000;

test('what flowed is read once in each minute, soon after its end, and kept for who asks', async () => {
  let nowMs = 10 * MINUTE_MS + 20_000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const windows = new FlowWindows(0);
  const takeFlows = async (): Promise<FlowWindow[]> => [
    {
      ...{ interfaceId: 'eni-1', instanceId: 'i-1', subnetId: 'subnet-1', vpcId: 'vpc-1' },
      ...{ privateIp: '10.0.0.4', startMs: 0, endMs: nowMs, isSkipped: false, flows: [] },
    },
  ];
  const { signal } = new AbortController();
  const { reconcile } = createFlowReconciler(clock, { takeFlows }, windows);
  assert.deepEqual(await reconcile('all', signal), { kind: 'again', afterMs: 40_000 });
  assert.deepEqual(windows.read(0).windows, []);
  for (const [atMs, afterMs] of [
    [11 * MINUTE_MS + 5, MINUTE_MS - 5],
    [11 * MINUTE_MS + 100, MINUTE_MS - 100],
    [12 * MINUTE_MS + 1, MINUTE_MS - 1],
  ] as const) {
    nowMs = atMs;
    assert.deepEqual(await reconcile('all', signal), { kind: 'again', afterMs });
  }
  const ends = windows.read(0).windows.map(({ endMs }) => endMs);
  assert.deepEqual(ends, [11 * MINUTE_MS + 5, 12 * MINUTE_MS + 1]);
});
