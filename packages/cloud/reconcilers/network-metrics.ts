// Owns the sampling of instances' network cards: at every full minute their counters are read, and what they moved since
// is written down. The reading before is kept in memory only: the minutes around a start of the Cloud Controller are gaps.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { KEPT_MINUTES, LATEST_READING_MS, MINUTE_MS } from '../app/metric-points.ts';
import { type NetworkSample, planNetworkPoints } from '../app/network-metrics.ts';
import { listOwners } from '../store/instances.ts';
import type { NetworkMetricRow } from '../store/network-metric-schema.ts';
import { deleteNetworkMetricsBefore, insertNetworkMetrics } from '../store/network-metrics.ts';

/** About 60 MB. More than 24 instances have less than 14 days, 347 have one, 2,777 have 3 hours. */
const MAX_POINTS = 500_000;

export function createNetworkMetrics(app: App): Reconciler {
  let before: NetworkSample | undefined;
  return {
    name: 'network-metrics',
    listKeys: async () => ['all'],
    reconcile: async () => {
      const nowMs = app.clock.nowMs();
      const minute = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
      if (before?.minute !== minute && nowMs - minute <= LATEST_READING_MS) {
        const after = await takeSample(app, minute);
        const points = planNetworkPoints(before, after);
        await app.aroundStep('network-metrics/record', () => record(app, minute, points));
        before = after;
      }
      return { kind: 'again', afterMs: minute + MINUTE_MS - nowMs };
    },
  };
}

async function takeSample(app: App, minute: number): Promise<NetworkSample> {
  const readings = await app.cluster.readNetwork();
  const ids = [...new Set(readings.map(({ instanceId }) => instanceId))];
  const rows = await listOwners(app.store.query, ids);
  return { minute, readings, owners: new Map(rows.map(({ id, accountId }) => [id, accountId])) };
}

function record(app: App, minute: number, points: readonly NetworkMetricRow[]): Promise<void> {
  const fitting = Math.floor(MAX_POINTS / Math.max(1, points.length));
  const oldest = minute - Math.min(KEPT_MINUTES, fitting) * MINUTE_MS;
  return app.store.transaction(async (tx) => {
    await insertNetworkMetrics(tx, points);
    await deleteNetworkMetricsBefore(tx, oldest);
  });
}
