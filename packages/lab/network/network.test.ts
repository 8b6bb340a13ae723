import assert from 'node:assert/strict';
import { test } from 'node:test';
import { packetFigures, parseCounters } from './interface-counters.ts';
import { type NetworkSample, networkResultOf } from './network-result.ts';
import { NETWORK_ROWS, type NetworkRow, withBaselines } from './network-rows.ts';
import { parseRoundTrips, parseStreams } from './network-sample.ts';
import { findProcessor, onProcessor, parseAllowed } from './on-processor.ts';

const find = (id: string): NetworkRow => NETWORK_ROWS.find((row) => row.id === id)!;

test('every card has streams both ways, one and several, and round trips, on both paths', () => {
  assert.equal(new Set(NETWORK_ROWS.map(({ id }) => id)).size, NETWORK_ROWS.length);
  for (const path of ['host', 'other-host']) {
    for (const how of ['transmit/1', 'transmit/4', 'receive/1', 'receive/4', 'round-trip']) {
      for (const card of ['none', 'e1000', 'virtio-net', 'virtio-net+mtu-1500']) {
        assert.ok(find(`network/${path}/${card}/${how}`) !== undefined, `${path} ${card} ${how}`);
      }
    }
  }
});

test('what the paper’s text says of its Figure 4 stands beside its rows', () => {
  const paper = (id: string) => find(id).paper;
  assert.deepEqual(paper('network/other-host/e1000/transmit/1')?.ratio, 0.71);
  assert.equal(Math.round(paper('network/other-host/e1000/receive/1')!.megabitsPerSecond), 423);
  assert.deepEqual(paper('network/host/virtio-net/receive/1'), {
    ...{ megabitsPerSecond: 700, isAtMost: true },
  });
  assert.equal(paper('network/host/e1000/transmit/4'), undefined);
});

test('a row of a guest brings the same path without it, once and first', () => {
  const row = find('network/host/e1000/transmit/4');
  assert.deepEqual(
    withBaselines([row]).map(({ id }) => id),
    ['network/host/none/transmit/4', row.id],
  );
  assert.equal(withBaselines([find('network/host/none/transmit/1')]).length, 1);
});

test('packets and their mean size are those of the busier direction', () => {
  const counters = (rx: number, tx: number) =>
    parseCounters(
      JSON.stringify([
        {
          stats64: {
            rx: { packets: rx, bytes: rx * 1_500 },
            tx: { packets: tx, bytes: tx * 66 },
          },
        },
      ]),
    );
  assert.deepEqual(packetFigures(counters(100, 50), counters(2_100, 1_050), 2_000), {
    ...{ packetsPerSecond: 1_000, meanPacketBytes: 1_500 },
  });
  assert.deepEqual(packetFigures(counters(1, 1), counters(1, 1), 0), {
    ...{ packetsPerSecond: 0, meanPacketBytes: 0 },
  });
});

test('what iperf3 and round-trips print is read, and an error is said', () => {
  const report = { end: { sum_received: { bits_per_second: 237.4e6 } } };
  assert.equal(parseStreams(`warning\n${JSON.stringify(report)}\n`), 237.4);
  assert.throws(() => parseStreams('{"error":"unable to connect","end":{}}'), /unable to connect/);
  assert.throws(() => parseStreams('no such program'), /no such program/);
  const said = '1800 round trips, 1250.0 us mean, 1000.0 us median, 4000.9 us of 99 in 100';
  assert.deepEqual(parseRoundTrips(said), {
    ...{ perSecond: 800, meanUs: 1_250, medianUs: 1_000, p99Us: 4_000.9 },
  });
});

test('both ends of a round trip without a guest are on one processor, where one may be chosen', async () => {
  assert.equal(parseAllowed('Name:\tnode\nCpus_allowed_list:\t3-5,9\n'), 3);
  assert.equal(await findProcessor('/nowhere'), undefined);
  assert.deepEqual(onProcessor(3, ['perl', 'x']), ['taskset', '--cpu-list', '3', 'perl', 'x']);
  assert.deepEqual(onProcessor(undefined, ['perl']), ['perl']);
});

const SURROUNDINGS = {
  ...{ mtu: 9_000, wireBitsPerSecond: 250e6, vcpus: 2, queues: 1, isEmulated: true },
};
const stream = (megabitsPerSecond: number): NetworkSample => ({
  megabitsPerSecond,
  packets: { packetsPerSecond: 14_000, meanPacketBytes: 1_514 },
  processor: { guest: 0.7, serving: 0.3 },
});

test('a row has the middle of its rounds, each held against the path before and after it', () => {
  const taken = [
    { sample: stream(100), bases: [stream(200)] },
    { sample: stream(150), bases: [stream(250)] },
    { sample: stream(120), bases: [stream(140), stream(160)] },
  ];
  const result = networkResultOf(find('network/other-host/e1000/transmit/1'), taken, SURROUNDINGS);
  assert.equal(result.megabitsPerSecond, 120);
  assert.deepEqual(result.spread?.ratio, { median: 0.6, lowest: 0.5, highest: 0.8 });
  assert.deepEqual(result.rounds?.at(-1), { value: 120, bases: [140, 160] });
  assert.equal(result.explanation?.cause?.name, 'emulated-nic');
});
