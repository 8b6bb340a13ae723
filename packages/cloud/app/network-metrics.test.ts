import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import type { NetworkReading } from '@ironbark/protocol/internal/node-client.ts';
import { MINUTE_MS } from './metric-points.ts';
import { findNetworkMetric, type NetworkSample, planNetworkPoints } from './network-metrics.ts';

const START = 30_000_000 * MINUTE_MS;
const ID: InstanceId = 'i-00000000000000001';
const PATH = { inBitsPerSecond: 2e9, outBitsPerSecond: 1e9 };

function reading(
  inBytes: number,
  outBytes: number,
  more: Partial<NetworkReading> = {},
): NetworkReading {
  return {
    ...{ interfaceId: 'eni-00000000000000001', instanceId: ID, countedSince: 'a', readAtMs: 0 },
    ...{ pid: 1, profile: PARAVIRTUAL },
    counters: { inBytes, outBytes, inPackets: inBytes / 100, outPackets: outBytes / 100 },
    ...more,
  };
}

function sample(minute: number, ...readings: NetworkReading[]): NetworkSample {
  return { minute: START + minute * MINUTE_MS, owners: new Map([[ID, '111111111111']]), readings };
}

const later = (inBytes: number, outBytes: number, more: Partial<NetworkReading> = {}) =>
  reading(inBytes, outBytes, { readAtMs: MINUTE_MS, ...more });
const read = (
  name: string,
  row: Parameters<NonNullable<ReturnType<typeof findNetworkMetric>>['read']>[0],
) => (findNetworkMetric('AWS/EC2', name) ?? findNetworkMetric('Ironbark/EC2', name))!.read(row);

test('a point has what the cards moved in the minute, and of the busier way what the path could', () => {
  // 3 GB out in a minute are 400 Mb/s of 1 Gb/s.
  const before = sample(0, reading(1_000, 1_000));
  const [row, ...others] = planNetworkPoints(
    before,
    sample(1, later(1_500, 3e9 + 1_000, { path: PATH })),
  );
  assert.equal(others.length, 0);
  assert.deepEqual([row!.minute, row!.instanceId, row!.seconds], [START, ID, 60]);
  const names = ['NetworkIn', 'NetworkOut', 'NetworkPacketsIn', 'NetworkPacketsOut'];
  assert.deepEqual(
    names.map((name) => read(name, row!)),
    [500, 3e9, 5, 3e7],
  );
  assert.equal(read('NetworkEfficiency', row!), 40);
});

test('several cards are added up; without a measured path there is no efficiency', () => {
  const other = { interfaceId: 'eni-00000000000000002' } as const;
  const before = sample(0, reading(0, 0), reading(100, 0, other));
  const [row] = planNetworkPoints(before, sample(1, later(200, 100), later(400, 0, other)));
  assert.deepEqual([row!.inBytes, row!.outBytes], [500, 100]);
  assert.equal(read('NetworkEfficiency', row!), undefined);
});

test('what was not measured whole is a gap, and nobody’s instance has no point', () => {
  const before = sample(0, reading(1_000, 0));
  const plan = (after: NetworkSample) => planNetworkPoints(before, after).length;
  assert.equal(plan(sample(1, later(2_000, 0))), 1);
  assert.equal(plan(sample(2, later(2_000, 0))), 0);
  assert.equal(plan(sample(1, later(900, 0))), 0);
  assert.equal(plan(sample(1, later(2_000, 0, { countedSince: 'b' }))), 0);
  assert.equal(plan(sample(1, later(2_000, 0, { readAtMs: 2 * MINUTE_MS }))), 0);
  assert.equal(plan({ ...sample(1, later(2_000, 0)), owners: new Map() }), 0);
  assert.deepEqual(planNetworkPoints(undefined, before), []);
});
