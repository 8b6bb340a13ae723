import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { CALIBRATION_FILE, type IoCalibration } from '@ironbark/core/io-calibration.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { checkDisk } from './host-checks.ts';

const KNOWN: IoCalibration = {
  ...{ format: 'ironbark-io-calibration/1', measuredAt: '2026-01-01T00:00:00Z' },
  ...{ readBytesPerSecond: 500e6, writeBytesPerSecond: 100e6, aio: 'native', reason: 'Fastest.' },
};

test('a calibration that cannot be read is warned about, and is not taken for none', async () => {
  const node = await mkdtemp(join(tmpdir(), 'ironbark-checks-'));
  try {
    const path = join(node, CALIBRATION_FILE);
    const none = await checkDisk(node, 'ironbark');
    assert.deepEqual([none.status, /nothing was measured/.test(none.detail)], ['ok', true]);
    await writeUnsynced(path, JSON.stringify(KNOWN));
    assert.match((await checkDisk(node, 'ironbark')).detail, /^native, as measured at 2026/);
    await writeUnsynced(path, JSON.stringify({ ...KNOWN, aio: 'fast' }));
    const bad = await checkDisk(node, 'ironbark');
    assert.equal(bad.status, 'warn');
    assert.ok(bad.detail.startsWith(path) && bad.fix.includes('lab tune'));
  } finally {
    await rm(node, { recursive: true });
  }
});
