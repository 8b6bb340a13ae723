import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import type { VolumeFigures } from '@ironbark/core/volume-figures.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { explain } from './explain.ts';
import { observeVolume } from './volume-observation.ts';

const SMALL_GP2: VolumeLimits = {
  ...{ iops: 100, bytesPerSecond: 128e6, operationBytes: 256 * 1024 },
  burst: { of: 'iops', perSecond: 3_000, seconds: 1_800 },
};

function look(opsPerSecond: number, limits = SMALL_GP2) {
  const figures = {
    ...{ intervalSeconds: 1, VolumeReadOps: opsPerSecond, VolumeReadBytes: opsPerSecond * 4_096 },
    ...{ VolumeWriteOps: 0, VolumeWriteBytes: 0, averageRequestSectors: 8 },
    ...{ averageQueueDepth: 0.4, utilisation: 0.4 },
  } as VolumeFigures;
  return observeVolume({ figures, limits, profile: DIRECT });
}

test('a limit holds a volume that is at it, be it what it has saved up for, and none that is beyond', () => {
  assert.deepEqual(look(99).limit, { iops: 100, bytesPerSecond: 128e6 });
  assert.equal(look(2_990).limit?.iops, 3_000);
  assert.equal(look(4_500).limit?.iops, Number.POSITIVE_INFINITY);
  const { burst: _burst, ...plain } = SMALL_GP2;
  assert.equal(look(2_990, plain).limit?.iops, Number.POSITIVE_INFINITY);
});

test('what is beyond its limit is explained by something else', () => {
  assert.equal(explain(look(99)).cause?.name, 'limit');
  assert.match(explain(look(2_990)).sentence, /2990 of the 3000 requests of this size/);
  assert.equal(explain(look(4_500)).cause?.name, 'one-at-a-time');
});

test('a large request counts as several', () => {
  const { burst: _burst, ...limits } = SMALL_GP2;
  const limitAt = (opsPerSecond: number) => {
    const rates = { VolumeReadOps: opsPerSecond, VolumeReadBytes: opsPerSecond * 1_024 * 512 };
    const figures = {
      ...{
        intervalSeconds: 1,
        VolumeWriteOps: 0,
        VolumeWriteBytes: 0,
        averageRequestSectors: 1_024,
      },
      ...{ ...rates, averageQueueDepth: 4, utilisation: 1 },
    } as VolumeFigures;
    return observeVolume({ figures, limits, profile: DIRECT }).limit?.iops;
  };
  assert.equal(limitAt(49), 50);
  assert.equal(limitAt(90), Number.POSITIVE_INFINITY);
});
