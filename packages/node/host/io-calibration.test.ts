import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CALIBRATION_FILE, type IoCalibration } from '@ironbark/core/io-calibration.ts';
import { DIRECT, PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { calibratedDisk, readIoCalibration } from './io-calibration.ts';

const KNOWN: IoCalibration = {
  ...{ format: 'ironbark-io-calibration/1', measuredAt: '2026-01-01T00:00:00Z' },
  ...{ readBytesPerSecond: 200e6, writeBytesPerSecond: 100e6 },
  ...{ aio: 'native', reason: 'It was fastest.' },
};
let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-calibration-'));
});
after(() => rm(folder, { recursive: true }));

test('a node without a calibration, or with a torn one, goes by its probe', async () => {
  assert.equal(await readIoCalibration(folder), undefined);
  await writeUnsynced(join(folder, CALIBRATION_FILE), JSON.stringify(KNOWN).slice(0, 50));
  assert.equal(await readIoCalibration(folder), undefined);
  assert.deepEqual(calibratedDisk('io_uring', undefined), { aio: 'io_uring' });
});

test('a node uses what was fastest, and nothing that its host does not allow', async () => {
  const path = join(folder, CALIBRATION_FILE);
  await rm(path, { force: true });
  await writeUnsynced(path, JSON.stringify(KNOWN));
  assert.deepEqual(await readIoCalibration(folder), KNOWN);
  assert.deepEqual(calibratedDisk('io_uring', KNOWN), { aio: 'native' });
  assert.deepEqual(calibratedDisk('threads', KNOWN), { aio: 'threads' });
  assert.deepEqual(calibratedDisk('native', { ...KNOWN, aio: 'io_uring' }), { aio: 'native' });
  const disk = { ...DIRECT, optimalIoBytes: 0, allocation: 'preallocated' as const };
  const volume = { attachMode: 'host', transport: 'nbd' } as const;
  const profile = { disk, nic: PARAVIRTUAL, volume };
  assert.deepEqual(calibratedDisk('io_uring', { ...KNOWN, profile }), {
    ...{ aio: 'native', optimalIoBytes: 0 },
  });
});
