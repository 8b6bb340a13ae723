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
  readAhead: {
    '128 KiB': [400 * MEGA, 410 * MEGA, 390 * MEGA],
    '1 MiB': [470 * MEGA, 480 * MEGA, 490 * MEGA],
    '4 MiB': [500 * MEGA, 510 * MEGA, 490 * MEGA],
    '16 MiB': [505 * MEGA, 515 * MEGA, 495 * MEGA],
  },
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
    findings!.map(({ name, chosen, by }) => [name, chosen, by]),
    [
      ['bus', 'virtio-blk', 'design'],
      ['engine', 'io_uring', 'measurement'],
      ['cache', 'direct', 'design'],
      ['allocation', 'preallocated', 'design'],
      ['read-ahead', '4 MiB', 'measurement'],
      ['iothread', 'one for each disk', 'design'],
      ['queues', 'one for each processor', 'design'],
      ['network', 'virtio-net with offloads, a queue for each processor, MTU 1500', 'host'],
      ['volume', 'attached by the host over NBD', 'design'],
    ],
  );
  assert.deepEqual([aio, measuredBy], ['io_uring', 'host']);
  assert.match(findings![1]!.reason, /io_uring 30000.*stays unless another is 15 % faster/);
  assert.match(findings!.at(-2)!.reason, /eth0, which leads out, has an MTU of 9000/);
});

test('another engine is taken where it is much faster; the cache is only advised on', () => {
  const measured = { io_uring: 10_000, threads: 20_000 };
  const { aio, reason } = from({ engines: { measured, refused: { native: 'no O_DIRECT' } } });
  assert.equal(aio, 'threads');
  assert.match(reason, /threads is the fastest.*native does not work here \(no O_DIRECT\)/);
  const cached = from({ cache: { direct: 100 * MEGA, writeback: 400 * MEGA } });
  const { chosen, reason: advice } = cached.findings![2]!;
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
  const outwards = { name: 'eth0', mtu: 1_400 };
  const narrow = { network: { ...AROUND.network, outwards } };
  assert.deepEqual(warned({}, narrow), ['mtu-above-uplink']);
});

test('a host on which no engine works is told why, and what was found is read again as it was', () => {
  const refused = { io_uring: 'it is away' };
  assert.throws(() => from({ engines: { measured: {}, refused } }), /io_uring.*it is away/);
  assert.deepEqual(parseCalibration(JSON.stringify(from())), from());
});

const rounds = (...rates: number[]) => rates.map((rate) => rate * MEGA);

test('another read-ahead is taken where it is much faster in every round, and nodes are told', () => {
  const of = (fast: readonly number[]) =>
    from({ readAhead: { '4 MiB': rounds(400, 410, 420), '16 MiB': fast } });
  assert.equal(of(rounds(600, 610, 620)).profile!.disk.optimalIoBytes, 8 * 2 ** 20);
  const unsure = of(rounds(600, 610, 415));
  assert.equal(unsure.profile!.disk.optimalIoBytes, 2 * 2 ** 20);
  assert.match(unsure.findings!.find(({ name }) => name === 'read-ahead')!.reason, /all the same/);
  assert.equal(of(rounds(440, 450, 460)).profile!.disk.optimalIoBytes, 2 * 2 ** 20);
  const none = { '128 KiB': rounds(500, 500, 500), '4 MiB': rounds(400, 410, 420) };
  assert.equal(from({ readAhead: none }).profile!.disk.optimalIoBytes, 0);
});

test('the host’s profile has every choice, and is read again as it was', () => {
  const found = from({ engines: { measured: { threads: 2 }, refused: {} } });
  assert.deepEqual(found.profile, {
    disk: {
      ...{ bus: 'virtio-blk', cache: 'direct', aio: 'threads', iothread: true, queues: 'vcpus' },
      ...{ optimalIoBytes: 2 * 2 ** 20, discard: true, allocation: 'preallocated' },
    },
    nic: {
      ...{ model: 'virtio-net', offloads: true, queues: 'vcpus' },
      ...{ vhost: 'if-available', mtu: 1_500 },
    },
    volume: { attachMode: 'host', transport: 'nbd' },
  });
  const network = { ...AROUND.network, hasVhostNet: false };
  const { queues, vhost } = from({}, { network }).profile!.nic;
  assert.deepEqual([queues, vhost], [1, 'never']);
  const torn = { ...found, profile: { ...found.profile, disk: { optimalIoBytes: 3 } } };
  assert.equal(parseCalibration(JSON.stringify(torn))!.profile, undefined);
});
