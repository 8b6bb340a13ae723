// Owns row 13: a volume's limits, as a guest that asks for more has them over five seconds.

import { KIB } from '@ironbark/core/units.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { UNLIMITED } from '@ironbark/lab/testbeds.ts';
import { type Bench, mbps, modelOf } from './bench.ts';
import { parseFioRate, parseReadIops, randomReads, randomWrites } from './fio.ts';
import { atMost, type BlockRow } from './rows.ts';
import { withServedVolume } from './volumes.ts';

/** Below what an emulated guest reaches on a busy host. */
const LIMITS: VolumeLimits = {
  iops: 300,
  bytesPerSecond: 10_000_000,
  operationBytes: 256 * KIB,
};
const SECONDS = 5;
const DEPTH = 16;
/** To either side. */
const OFF_BAR = 0.05;

export async function measureLimits(bench: Bench): Promise<BlockRow[]> {
  await bench.disk.change(UNLIMITED);
  const run = { depth: DEPTH, seconds: SECONDS };
  const { iops, rates } = await withServedVolume(
    bench,
    async ({ device }) => {
      const samples = { iops: [] as number[], rates: [] as number[] };
      for (let n = 0; n < bench.repeat; n++) {
        samples.iops.push(parseReadIops(await bench.guest.run(randomReads(device, run))));
        samples.rates.push(parseFioRate(await bench.guest.run(randomWrites(device, run))));
      }
      return samples;
    },
    LIMITS,
  );
  await bench.disk.change(modelOf(bench));
  const limit = LIMITS.bytesPerSecond / 1e6;
  return [
    atMost({ row: '13' }, 'requests a second, off the limit', {
      value: Math.abs(median(iops) / LIMITS.iops - 1),
      bar: OFF_BAR,
      beside: `${median(iops).toFixed(0)} of ${LIMITS.iops}`,
    }),
    atMost({ row: '13' }, 'bandwidth, off the limit', {
      value: Math.abs(median(rates) / limit - 1),
      bar: OFF_BAR,
      beside: `${mbps(median(rates))} of ${mbps(limit)}`,
    }),
  ];
}
