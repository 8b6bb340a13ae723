import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type DiskCounters, figuresOf } from './volume-figures.ts';

const NOTHING: DiskCounters = {
  readOps: 0,
  writeOps: 0,
  readBytes: 0,
  writeBytes: 0,
  readNs: 0,
  writeNs: 0,
};

test('figures of an interval are its own, whatever was before', () => {
  const before = { ...NOTHING, readOps: 7, readBytes: 7_000, readNs: 5e9 };
  const after = {
    readOps: 7 + 100,
    writeOps: 300,
    readBytes: 7_000 + 100 * 65_536,
    writeBytes: 300 * 65_536,
    readNs: 5e9 + 4e9,
    writeNs: 16e9,
  };
  const seen = figuresOf(before, after, { intervalSeconds: 10, iops: 100 })!;
  assert.deepEqual([seen.VolumeReadOps, seen.VolumeWriteOps], [100, 300]);
  assert.deepEqual([seen.VolumeTotalReadTime, seen.VolumeTotalWriteTime], [4, 16]);
  assert.equal(seen.averageRequestSectors, 128);
  assert.deepEqual([seen.averageQueueDepth, seen.VolumeQueueLength], [2, 2]);
  assert.deepEqual([seen.utilisation, seen.VolumeIdleTime], [1, 0]);
  assert.equal(seen.VolumeThroughputPercentage, 40);
});

test('what a limit lets through after a pause is no more than all that was provisioned', () => {
  const after = { ...NOTHING, writeOps: 6_018, writeBytes: 6_018 * 4_096, writeNs: 1e9 };
  const seen = figuresOf(NOTHING, after, { intervalSeconds: 60, iops: 100 })!;
  assert.equal(seen.VolumeThroughputPercentage, 100);
});

test('one request after another keeps a disk busy for the sum of their times', () => {
  const after = { ...NOTHING, readOps: 10, readBytes: 40_960, readNs: 2.5e9 };
  const seen = figuresOf(NOTHING, after, { intervalSeconds: 10 })!;
  assert.deepEqual([seen.utilisation, seen.VolumeIdleTime], [0.25, 7.5]);
  assert.equal(seen.VolumeThroughputPercentage, undefined);
});

test('an idle disk has figures, and one whose guest started anew has none', () => {
  const idle = figuresOf(NOTHING, NOTHING, { intervalSeconds: 1, iops: 1 })!;
  assert.deepEqual([idle.averageRequestSectors, idle.VolumeIdleTime], [0, 1]);
  const before = { ...NOTHING, readOps: 10 };
  assert.equal(figuresOf(before, NOTHING, { intervalSeconds: 1 }), undefined);
});
