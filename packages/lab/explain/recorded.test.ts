// Runs in which one thing was planted, as they were recorded: on the modelled disk of 25 MB/s and a wire of 250 Mb/s, two
// processors at load 5 to 12, guests emulated. The numbers are the lab's own; the test holds the explanation to them.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import type { CauseName } from './causes.ts';
import { explain } from './explain.ts';
import { explainNetwork } from './explain-network.ts';
import type { NetworkObservation } from './network-causes.ts';
import type { DiskSetting, Observation } from './observation.ts';

/** MB/s of the guest and the host; sectors, queue, utilisation; shares of the guest's processors and of what serves it. */
type Numbers = readonly [
  ...[guest: number, host: number, sectors: number, queue: number, utilisation: number],
  ...[guestBusy: number, servingBusy: number],
];

const DEFAULT: DiskSetting = {
  ...{ bus: 'virtio-blk', cache: DIRECT.cache, aio: DIRECT.aio, store: 'device' },
  ...{ queues: 2, vcpus: 2, readAheadBytes: 2 * MIB, attachMode: 'host' },
};
const PAST_THE_CACHE = { readAheadBytes: Number.POSITIVE_INFINITY };
const LSI: Partial<DiskSetting> = { bus: 'lsi53c895a', queues: 1, readAheadBytes: 128 * KIB };

interface Recorded {
  planted: CauseName;
  direction: 'read' | 'write';
  numbers: Numbers;
  setting?: Partial<DiskSetting>;
  limit?: NonNullable<Observation['limit']>;
}

const RECORDED: readonly Recorded[] = [
  {
    ...{ planted: 'emulated-bus', direction: 'write', setting: LSI },
    numbers: [13.4, 24, 216, 0.59, 0.59, 0.54, 0.17],
  },
  {
    ...{ planted: 'emulated-bus', direction: 'read', setting: LSI },
    numbers: [15.7, 23.9, 255, 1.48, 0.65, 0.55, 0.22],
  },
  // 64 random reads at a time.
  {
    ...{ planted: 'emulated-bus', direction: 'read', setting: { ...LSI, ...PAST_THE_CACHE } },
    numbers: [5.9, 19.1, 8, 2.34, 0.42, 0.56, 0.28],
  },
  {
    ...{ planted: 'emulated-bus', direction: 'write', setting: { ...LSI, ...PAST_THE_CACHE } },
    numbers: [7.2, 18.2, 8, 0.73, 0.73, 0.67, 0.31],
  },
  // Two tasks that spill.
  {
    ...{ planted: 'emulated-bus', direction: 'write', setting: LSI },
    numbers: [15.9, 24.1, 177, 0.72, 0.72, 0.46, 0.11],
  },
  {
    ...{ planted: 'short-read-ahead', direction: 'read', setting: { readAheadBytes: 128 * KIB } },
    numbers: [14.6, 23.9, 302, 1.09, 0.55, 0.5, 0.31],
  },
  {
    ...{ planted: 'one-at-a-time', direction: 'read', setting: PAST_THE_CACHE },
    numbers: [4.9, 9.5, 8, 0.46, 0.52, 0.33, 0.14],
  },
  {
    ...{ planted: 'one-at-a-time', direction: 'read', setting: PAST_THE_CACHE },
    numbers: [16.1, 19.5, 128, 0.69, 0.58, 0.29, 0.1],
  },
  {
    ...{ planted: 'one-at-a-time', direction: 'write', setting: PAST_THE_CACHE },
    numbers: [15.8, 19.3, 128, 0.66, 0.59, 0.28, 0.11],
  },
  // Throttled to 8 MB/s.
  {
    ...{ planted: 'limit', direction: 'write', limit: { iops: 100_000, bytesPerSecond: 8e6 } },
    numbers: [7.21, 23.2, 1890, 0.44, 0.41, 0.23, 0.15],
  },
  {
    ...{ planted: 'late-requests', direction: 'write' },
    numbers: [18.1, 24, 1820, 15.81, 0.64, 0.52, 0.1],
  },
];

function observationOf({ direction, numbers, setting, limit }: Recorded): Observation {
  const [guest, host, requestSectors, queueDepth, utilisation, guestBusy, serving] = numbers;
  return {
    direction,
    ...{ guestRate: guest * 1e6, hostRate: host * 1e6 },
    seen: { requestSectors, queueDepth, utilisation },
    setting: { ...DEFAULT, ...setting },
    ...(limit === undefined ? {} : { limit }),
    amplification: 1,
    processor: { guest: guestBusy, serving },
  };
}

for (const recorded of RECORDED) {
  const { planted, direction, numbers } = recorded;
  test(`${planted} was planted for a ${direction} at ${numbers[0]} MB/s, and is named`, () => {
    const { cause, sentence } = explain(observationOf(recorded));
    assert.equal(cause?.name, planted, sentence);
  });
}

/** Its rate is that of its packets. */
const NETWORK: NetworkObservation = {
  ...{ direction: 'transmit', guestRate: 19_187 * 1_513 * 8, hostRate: 247e6, wireRate: 250e6 },
  packets: { packetsPerSecond: 19_187, meanPacketBytes: 1_513 },
  setting: {
    ...({ model: 'virtio-net', offloads: false } as const),
    ...{ mtu: 1_500, queues: 1, vcpus: 2, streams: 1 },
  },
};

test('frames of 1,500 bytes and an emulated card were planted, and are named', () => {
  assert.equal(explainNetwork(NETWORK).cause?.name, 'small-frames');
  const card: NetworkObservation = {
    ...{ ...NETWORK, guestRate: 826e6, hostRate: 8_408e6 },
    packets: { packetsPerSecond: 11_672, meanPacketBytes: 7_826 },
    setting: { ...NETWORK.setting, model: 'e1000', mtu: 9_000 },
    processor: { guest: 0.89, serving: 0.37 },
  };
  assert.equal(explainNetwork(card).cause?.name, 'emulated-nic');
});
