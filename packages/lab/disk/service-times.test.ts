import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KIB } from '@ironbark/core/units.ts';
import type { DiskModel } from '../testbeds.ts';
import { countRequest, figuresOf, noCounters } from './disk-figures.ts';
import { type DiskRequest, ServiceTimes } from './service-times.ts';

/** 64 KiB take 64 ms to read and 32 ms to write. */
const MODEL: DiskModel = {
  readBytesPerSecond: 1000 * KIB,
  writeBytesPerSecond: 2000 * KIB,
  seekMs: 0,
  creditMs: 0,
};
const piece = (n: number, kind: DiskRequest['kind'] = 'read'): DiskRequest => ({
  kind,
  offset: n * 64 * KIB,
  length: 64 * KIB,
});

test('requests are served one after the other, each at its rate', () => {
  const times = new ServiceTimes(MODEL);
  assert.deepEqual(times.schedule(piece(0), 1000), { startMs: 1000, endMs: 1064 });
  assert.deepEqual(times.schedule(piece(1, 'write'), 1001), { startMs: 1064, endMs: 1096 });
});

test('an idle moment is lost without credit, and made up for with it', () => {
  const late = (creditMs: number) => {
    const times = new ServiceTimes({ ...MODEL, creditMs });
    times.schedule(piece(0), 1000);
    return times.schedule(piece(1), 1084).endMs;
  };
  assert.equal(late(0), 1148);
  assert.equal(late(100), 1084);
  assert.equal(late(5), 1143);
});

test('credit never ends a request before it came', () => {
  const times = new ServiceTimes({ ...MODEL, creditMs: 500 });
  assert.equal(times.schedule(piece(0), 1000).endMs, 1000);
});

test('a request that does not begin where the head is costs a seek', () => {
  const times = new ServiceTimes({ ...MODEL, seekMs: 8 });
  const ends = [piece(0), piece(1), piece(5), piece(6)].map(
    (each) => times.schedule(each, 0).endMs,
  );
  assert.deepEqual(ends, [64, 128, 200, 264]);
});

test('a request near the head costs no seek where the drive puts those in order', () => {
  const times = new ServiceTimes({ ...MODEL, seekMs: 8, nearBytes: 64 * KIB });
  const ends = [piece(0), piece(2), piece(1), piece(9)].map(
    (each) => times.schedule(each, 0).endMs,
  );
  assert.deepEqual(ends, [64, 128, 200, 272]);
});

test('request size, queue depth and utilisation follow from the services', () => {
  const counters = noCounters();
  const times = new ServiceTimes(MODEL);
  const come = (request: DiskRequest, cameMs: number) =>
    countRequest(counters, request, { ...times.schedule(request, cameMs), cameMs });
  come(piece(0), 1000);
  come(piece(1), 1000);
  // Done at 1128; idle until 1192; done at 1256.
  come(piece(2), 1192);
  const { requestSectors, queueDepth, utilisation } = figuresOf(counters);
  assert.equal(requestSectors, 128);
  assert.equal(queueDepth, 1);
  assert.equal(utilisation, 0.75);
});
