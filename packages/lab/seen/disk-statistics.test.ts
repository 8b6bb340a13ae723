import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import { figuresBetween, meanRequestMs, parseDiskStatistics } from './disk-statistics.ts';
import { watchDiskOf } from './host-disk.ts';

const BEFORE = `
   8       0 sda 100 0 8000 400 50 0 25600 900 0 700 1300 0 0 0 0 0 0
   7       1 loop1 0 0 0 0 0 0 0 0 0 0 0
`;
const AFTER = `
   8       0 sda 300 0 110400 2400 150 0 128000 4900 0 1600 7300 0 0 0 0 0 0
   7       1 loop1 10 0 10240 50 0 0 0 0 0 40 50
`;

test('the paper’s three columns and latencies come from two readings', () => {
  const [before, after] = [parseDiskStatistics(BEFORE), parseDiskStatistics(AFTER)];
  const figures = figuresBetween(before.get('sda')!, after.get('sda')!, 1_000);
  assert.equal(figures.requestSectors, (102_400 + 102_400) / 300);
  assert.equal(figures.queueDepth, 6);
  assert.equal(figures.utilisation, 0.9);
  assert.equal(figures.readBytesPerSecond, 102_400 * 512);
  assert.equal(figures.readLatencyMs, 10);
  assert.equal(figures.writeLatencyMs, 40);
  assert.equal(meanRequestMs(before.get('sda')!, after.get('sda')!), 20);
  assert.equal(meanRequestMs(after.get('sda')!, after.get('sda')!), undefined);
});

test('a device that did nothing has zeros and no latency', () => {
  const idle = parseDiskStatistics(BEFORE).get('loop1')!;
  assert.deepEqual(figuresBetween(idle, idle, 500), {
    requestSectors: 0,
    queueDepth: 0,
    utilisation: 0,
    readBytesPerSecond: 0,
    writeBytesPerSecond: 0,
    readLatencyMs: undefined,
    writeLatencyMs: undefined,
  });
  const { writeLatencyMs, readLatencyMs } = figuresBetween(
    idle,
    parseDiskStatistics(AFTER).get('loop1')!,
    1_000,
  );
  assert.deepEqual([readLatencyMs, writeLatencyMs], [5, undefined]);
});

test('the disk that holds a file is found by its number, and sees what is written to it', async () => {
  const folder = await mkdtemp('/var/tmp/ironbark-seen-');
  try {
    const { seen } = await watchDiskOf(folder, systemClock, async () => {
      await using file = await open(join(folder, 'bytes'), 'w');
      // Times are counted in milliseconds, of which a fast disk needs less than one for a few MiB.
      await writeFully(file, Buffer.alloc(64 * MIB, 'x'), 0);
      await file.sync();
    });
    // A folder in memory is on no disk.
    if (seen === undefined) return;
    assert.ok(seen.figures.requestSectors > 0 && seen.figures.writeBytesPerSecond > 0);
    assert.ok(seen.figures.writeLatencyMs! > 0 && seen.figures.utilisation > 0);
  } finally {
    await rm(folder, { recursive: true });
  }
});
