import assert from 'node:assert/strict';
import { test } from 'node:test';
import { GIB, MIB } from './units.ts';
import { limitsOf, type SizedVolume, VOLUME_TYPES } from './volume-types.ts';

/** Figures of the EBS User Guide's page of each type. */
const CASES: [string, SizedVolume, { iops: number; mibps: number; burst?: number }][] = [
  ['the smallest gp2', { type: 'gp2', sizeGib: 1 }, { iops: 100, mibps: 128, burst: 3_000 }],
  ['gp2 at its floor', { type: 'gp2', sizeGib: 33 }, { iops: 100, mibps: 128, burst: 3_000 }],
  ['gp2 above it', { type: 'gp2', sizeGib: 171 }, { iops: 513, mibps: 250, burst: 3_000 }],
  ['gp2 of a TiB needs no burst', { type: 'gp2', sizeGib: 1_000 }, { iops: 3_000, mibps: 250 }],
  ['the fastest gp2', { type: 'gp2', sizeGib: 16_384 }, { iops: 16_000, mibps: 250 }],
  ['gp3 as it comes', { type: 'gp3', sizeGib: 1 }, { iops: 3_000, mibps: 125 }],
  [
    'gp3 as ordered',
    { type: 'gp3', sizeGib: 32, iops: 16_000, throughputMibps: 1_000 },
    { iops: 16_000, mibps: 1_000 },
  ],
  ['a small io1', { type: 'io1', sizeGib: 4, iops: 200 }, { iops: 200, mibps: 50 }],
  ['io1', { type: 'io1', sizeGib: 640, iops: 32_000 }, { iops: 32_000, mibps: 500 }],
  [
    'the fastest io1',
    { type: 'io1', sizeGib: 1_280, iops: 64_000 },
    { iops: 64_000, mibps: 1_000 },
  ],
  ['io2', { type: 'io2', sizeGib: 4, iops: 1_000 }, { iops: 1_000, mibps: 256 }],
  [
    'the fastest io2',
    { type: 'io2', sizeGib: 256, iops: 256_000 },
    { iops: 256_000, mibps: 4_000 },
  ],
  ['st1 of a TiB', { type: 'st1', sizeGib: 1_024 }, { iops: 500, mibps: 40, burst: 250 }],
  [
    'st1 at its burst limit',
    { type: 'st1', sizeGib: 4_096 },
    { iops: 500, mibps: 160, burst: 500 },
  ],
  ['st1 that needs none', { type: 'st1', sizeGib: 12_800 }, { iops: 500, mibps: 500 }],
  ['sc1 of a TiB', { type: 'sc1', sizeGib: 1_024 }, { iops: 250, mibps: 12, burst: 80 }],
  ['the largest sc1', { type: 'sc1', sizeGib: 16_384 }, { iops: 250, mibps: 192, burst: 250 }],
  ['standard', { type: 'standard', sizeGib: 1 }, { iops: 200, mibps: 90 }],
];

for (const [name, volume, expected] of CASES) {
  test(`limits: ${name}`, () => {
    const { iops, bytesPerSecond, burst } = limitsOf(volume);
    assert.deepEqual([iops, bytesPerSecond / MIB], [expected.iops, expected.mibps]);
    const unit = burst?.of === 'bytes' ? MIB : 1;
    assert.equal(burst === undefined ? undefined : burst.perSecond / unit, expected.burst);
  });
}

test('a burst lasts as long as EBS says', () => {
  // User Guide, "gp2 burst duration": credits / (burst IOPS - baseline IOPS); st1: a TiB of credits a TiB.
  const gp2 = limitsOf({ type: 'gp2', sizeGib: 100 }).burst!;
  assert.equal((gp2.perSecond * gp2.seconds) / (gp2.perSecond - 300), 2_000);
  const st1 = limitsOf({ type: 'st1', sizeGib: 500 }).burst!;
  const credits = st1.perSecond * st1.seconds;
  assert.ok(Math.abs(credits - 500 * GIB) < st1.perSecond);
});

test('every size of every type has limits that a second can hold', () => {
  for (const [type, rules] of Object.entries(VOLUME_TYPES)) {
    for (const sizeGib of rules.sizeGib) {
      const iops = rules.iops?.range[0];
      const limits = limitsOf({ type: type as SizedVolume['type'], sizeGib, iops });
      assert.ok(limits.iops >= 100 && limits.bytesPerSecond >= MIB, `${type} ${sizeGib}`);
      for (const value of [limits.bytesPerSecond, limits.burst?.perSecond, limits.burst?.seconds])
        assert.ok(value === undefined || Number.isSafeInteger(value), `${type} ${sizeGib}`);
    }
  }
});
