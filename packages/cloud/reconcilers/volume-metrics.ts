// Owns the sampling of volumes: at every full minute their counters are read, and what they did since is written down.
//
// The reading before is kept in memory only: the minutes around a start of the Cloud Controller are gaps.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import {
  KEPT_MINUTES,
  LATEST_READING_MS,
  MINUTE_MS,
  planPoints,
  type Sample,
} from '../app/metric-points.ts';
import { listVolumesElsewhere } from '../app/volume-backends.ts';
import type { VolumeMetricRow } from '../store/volume-metric-schema.ts';
import { deleteVolumeMetricsBefore, insertVolumeMetrics } from '../store/volume-metrics.ts';
import { listAllVolumes } from '../store/volumes.ts';

/** About 85 MB. More than 24 volumes at work have less than 14 days, 347 have one, 2,777 have 3 hours. */
const MAX_POINTS = 500_000;

export function createVolumeMetrics(app: App): Reconciler {
  let before: Sample | undefined;
  return {
    name: 'volume-metrics',
    listKeys: async () => ['all'],
    reconcile: async () => {
      const nowMs = app.clock.nowMs();
      const minute = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
      if (before?.minute !== minute && nowMs - minute <= LATEST_READING_MS) {
        const after = await takeSample(app, minute);
        const points = planPoints(before, after);
        await app.aroundStep('volume-metrics/record', () => record(app, minute, points));
        before = after;
      }
      return { kind: 'again', afterMs: minute + MINUTE_MS - nowMs };
    },
  };
}

async function takeSample(app: App, minute: number): Promise<Sample> {
  const readings = await app.cluster.readVolumes();
  const volumes = await listAllVolumes(app.store.query);
  const attachments = await app.store.query.selectFrom('attachment').selectAll().execute();
  const elsewhere = new Set(await listVolumesElsewhere(app.store.query));
  return { minute, volumes, attachments, readings, elsewhere };
}

function record(app: App, minute: number, points: readonly VolumeMetricRow[]): Promise<void> {
  const fitting = Math.floor(MAX_POINTS / Math.max(1, points.length));
  const oldest = minute - Math.min(KEPT_MINUTES, fitting) * MINUTE_MS;
  return app.store.transaction(async (tx) => {
    await insertVolumeMetrics(tx, points);
    await deleteVolumeMetricsBefore(tx, oldest);
  });
}
