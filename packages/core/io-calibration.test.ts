import assert from 'node:assert/strict';
import { test } from 'node:test';
import { efficiencyOf, type IoCalibration, parseCalibration } from './io-calibration.ts';

const KNOWN: IoCalibration = {
  ...{ format: 'ironbark-io-calibration/1', measuredAt: '2026-01-01T00:00:00Z' },
  ...{ readBytesPerSecond: 200e6, writeBytesPerSecond: 100e6 },
  ...{ aio: 'native', reason: 'It was fastest.' },
};

test('a calibration is read back as it was written, and what is none is nothing', () => {
  assert.deepEqual(parseCalibration(JSON.stringify({ ...KNOWN, more: 1 })), KNOWN);
  for (const text of ['', '{', '[]', 'null', '{"format":"x"}']) {
    assert.equal(parseCalibration(text), undefined);
  }
  const wrong = [{ aio: 'mmap' }, { readBytesPerSecond: 0 }, { writeBytesPerSecond: '1' }];
  for (const change of [...wrong, { reason: 1 }, { measuredAt: null }]) {
    assert.equal(parseCalibration(JSON.stringify({ ...KNOWN, ...change })), undefined);
  }
});

test('a guest that moved what the device can is at 1, whichever way the bytes went', () => {
  const of = (readBytes: number, writeBytes: number, busySeconds: number) =>
    efficiencyOf({ readBytes, writeBytes, busySeconds }, KNOWN);
  assert.equal(of(200e6, 0, 1), 1);
  assert.equal(of(0, 100e6, 1), 1);
  assert.equal(of(100e6, 50e6, 1), 1);
  assert.equal(of(20e6, 0, 1), 0.1);
  assert.equal(of(0, 0, 1), undefined);
});
