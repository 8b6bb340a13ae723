// Owns the sampling of instances' network cards (minute-samples.ts).

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { type NetworkSample, planNetworkPoints } from '../app/network-metrics.ts';
import { listOwners } from '../store/instances.ts';
import { deleteNetworkMetricsBefore, insertNetworkMetrics } from '../store/network-metrics.ts';
import { createMinuteSamples } from './minute-samples.ts';

export function createNetworkMetrics(app: App): Reconciler {
  return createMinuteSamples(app.clock, {
    name: 'network-metrics',
    take: (minute) => takeSample(app, minute),
    plan: planNetworkPoints,
    record: (points, oldest) =>
      app.aroundStep('network-metrics/record', () =>
        app.store.transaction(async (tx) => {
          await insertNetworkMetrics(tx, points);
          await deleteNetworkMetricsBefore(tx, oldest);
        }),
      ),
  });
}

async function takeSample(app: App, minute: number): Promise<NetworkSample> {
  const readings = await app.cluster.readNetwork();
  const ids = [...new Set(readings.map(({ instanceId }) => instanceId))];
  const rows = await listOwners(app.store.query, ids);
  return { minute, readings, owners: new Map(rows.map(({ id, accountId }) => [id, accountId])) };
}
