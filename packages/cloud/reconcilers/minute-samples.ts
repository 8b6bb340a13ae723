// Owns sampling: at every full minute counters are read, and what they counted since is written down. The reading before is
// kept in memory only: the minutes around a start of the Cloud Controller are gaps.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import { KEPT_MINUTES, LATEST_READING_MS, MINUTE_MS } from '../app/metric-points.ts';

export interface MinuteSamples<Sample extends { minute: number }, Point> {
  name: string;
  take(minute: number): Promise<Sample>;
  plan(before: Sample | undefined, after: Sample): readonly Point[];
  /** Writes these down and forgets those of before `oldest`, both or neither. */
  record(points: readonly Point[], oldest: number): Promise<void>;
}

/** 60 to 85 MB. More than 24 things that count have less than 14 days, 347 have one, 2,777 have 3 hours. */
const MAX_POINTS = 500_000;

export function createMinuteSamples<Sample extends { minute: number }, Point>(
  clock: Clock,
  { name, take, plan, record }: MinuteSamples<Sample, Point>,
): Reconciler {
  let before: Sample | undefined;
  return {
    name,
    listKeys: async () => ['all'],
    reconcile: async () => {
      const nowMs = clock.nowMs();
      const minute = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
      if (before?.minute !== minute && nowMs - minute <= LATEST_READING_MS) {
        const after = await take(minute);
        const points = plan(before, after);
        await record(points, oldestKept(minute, points.length));
        before = after;
      }
      return { kind: 'again', afterMs: minute + MINUTE_MS - nowMs };
    },
  };
}

function oldestKept(minute: number, points: number): number {
  const fitting = Math.floor(MAX_POINTS / Math.max(1, points));
  return minute - Math.min(KEPT_MINUTES, fitting) * MINUTE_MS;
}
