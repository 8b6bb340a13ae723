// Owns the sampling of volumes (minute-samples.ts).

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { planPoints, type Sample } from '../app/metric-points.ts';
import { listVolumesElsewhere } from '../app/volume-backends.ts';
import { deleteVolumeMetricsBefore, insertVolumeMetrics } from '../store/volume-metrics.ts';
import { listAllVolumes } from '../store/volumes.ts';
import { createMinuteSamples } from './minute-samples.ts';

export function createVolumeMetrics(app: App): Reconciler {
  return createMinuteSamples(app.clock, {
    name: 'volume-metrics',
    take: (minute) => takeSample(app, minute),
    plan: planPoints,
    record: (points, oldest) =>
      app.aroundStep('volume-metrics/record', () =>
        app.store.transaction(async (tx) => {
          await insertVolumeMetrics(tx, points);
          await deleteVolumeMetricsBefore(tx, oldest);
        }),
      ),
  });
}

async function takeSample(app: App, minute: number): Promise<Sample> {
  const readings = await app.cluster.readVolumes();
  const volumes = await listAllVolumes(app.store.query);
  const attachments = await app.store.query.selectFrom('attachment').selectAll().execute();
  const elsewhere = new Set(await listVolumesElsewhere(app.store.query));
  return { minute, volumes, attachments, readings, elsewhere };
}
