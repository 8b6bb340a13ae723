import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCalibration } from '@ironbark/core/io-calibration.ts';
import { calibrationFrom, type HostFigures } from './findings.ts';

const MEGA = 1e6;
const FIGURES: HostFigures = {
  ...{ readBytesPerSecond: 500 * MEGA, writeBytesPerSecond: 300 * MEGA },
  engines: { measured: { io_uring: 30_000, native: 31_000, threads: 20_000 }, refused: {} },
  cache: { direct: 200 * MEGA, writeback: 210 * MEGA, writethrough: 20 * MEGA },
  allocation: { sparse: 190 * MEGA, preallocated: 200 * MEGA, written: 210 * MEGA },
  readAhead: { '128 KiB': 400 * MEGA, '4 MiB': 500 * MEGA },
};
const AROUND = {
  ...{ measuredAt: '2026-01-01T00:00:00Z', processors: 2 },
  network: { hasVhostNet: true, outwards: { name: 'eth0', mtu: 9_000 } },
};

const from = (more: Partial<HostFigures> = {}, around: Partial<typeof AROUND> = {}) =>
  calibrationFrom({ ...FIGURES, ...more }, { ...AROUND, ...around });
const warned = (...given: Parameters<typeof from>) =>
  from(...given).warnings!.map(({ name }) => name);

test('each choice of the profile is there with its figures, and what only guests tell says so', () => {
  const { findings, aio, measuredBy } = from();
  assert.deepEqual(
    findings!.map(({ name, chosen }) => [name, chosen]),
    [
      ['engine', 'io_uring'],
      ['cache', 'direct'],
      ['allocation', 'preallocated'],
      ['read-ahead', '4 MiB'],
      ['iothread', 'one for each disk'],
      ['queues', 'one for each processor'],
      ['network', 'virtio-net with offloads, a queue for each processor, MTU 1500'],
    ],
  );
  assert.deepEqual([aio, measuredBy], ['io_uring', 'host']);
  assert.match(findings![0]!.reason, /io_uring 30000.*stays unless another is 15 % faster/);
  assert.match(findings!.at(-1)!.reason, /eth0, which leads out, has an MTU of 9000/);
});

test('another engine is taken where it is much faster; the cache is only advised on', () => {
  const measured = { io_uring: 10_000, threads: 20_000 };
  const { aio, reason } = from({ engines: { measured, refused: { native: 'no O_DIRECT' } } });
  assert.equal(aio, 'threads');
  assert.match(reason, /threads is the fastest.*native does not work here \(no O_DIRECT\)/);
  const cached = from({ cache: { direct: 100 * MEGA, writeback: 400 * MEGA } });
  const { chosen, reason: advice } = cached.findings![1]!;
  assert.equal(chosen, 'direct');
  assert.match(advice, /writeback is the fastest.*read-stream/);
});

test('known-bad choices are named where this host has them, and nowhere else', () => {
  assert.deepEqual(warned(), []);
  const native = { engines: { measured: { io_uring: 1, native: 2 }, refused: {} } };
  assert.deepEqual(warned(native), ['sparse-with-native-aio']);
  const allocation = { sparse: 20 * MEGA, preallocated: 200 * MEGA, written: 200 * MEGA };
  assert.deepEqual(warned({ allocation }), ['sparse-file']);
  assert.deepEqual(warned({ engines: { measured: { threads: 2 }, refused: {} } }), ['no-io-uring']);
  const network = { ...AROUND.network, hasVhostNet: false };
  assert.deepEqual(warned({}, { network, processors: 8 }), ['single-queue']);
  assert.deepEqual(warned({}, { network }), []);
});

test('a host on which no engine works is told why, and what was found is read again as it was', () => {
  const refused = { io_uring: 'it is away' };
  assert.throws(() => from({ engines: { measured: {}, refused } }), /io_uring.*it is away/);
  assert.deepEqual(parseCalibration(JSON.stringify(from())), from());
});
