import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { parseLinkCounters } from '../host/port-counters.ts';
import type { InstanceRecord } from '../store/records.ts';
import { readNetwork } from './network-readings.ts';

const clock: Clock = { nowMs: () => 0, monotonicMs: () => 7, sleep: async () => {} };
const counters = { inBytes: 1, outBytes: 2, inPackets: 3, outPackets: 4 };

function record(id: InstanceId, pid: number, interfaceId: string): InstanceRecord {
  const handle = { id, driver: 'd', pid, pidStartTicks: 0, directory: '/', startedAt: 't' };
  return { id, handle, nicProfiles: { [interfaceId]: PARAVIRTUAL } } as unknown as InstanceRecord;
}

test('cards of running guests are told that the host counts; a host that does not say has none', async () => {
  const list = () => [
    record('i-00000001', 11, 'eni-00000001'),
    record('i-00000002', 12, 'eni-00000002'),
    record('i-00000003', 0, 'eni-00000003'),
  ];
  const context = { clock, logger: silentLogger, records: { list } };
  const ports = (['eni-00000001', 'eni-00000003'] as const).map((interfaceId) => ({
    ...{ interfaceId, counters },
  }));
  const host = { dataDir: '/nonexistent', network: { readCounters: async () => ports } };
  const expected = { interfaceId: 'eni-00000001', instanceId: 'i-00000001', readAtMs: 7, counters };
  assert.deepEqual(await readNetwork(context, host), [
    { ...expected, countedSince: 't 11', pid: 11, profile: PARAVIRTUAL },
  ]);
  const readCounters = () => Promise.reject(new Error('no ip here'));
  assert.deepEqual(await readNetwork(context, { ...host, network: { readCounters } }), []);
});

test('what a tap receives is what its guest has sent', () => {
  const stats64 = { rx: { bytes: 2, packets: 4 }, tx: { bytes: 1, packets: 3 } };
  const text = JSON.stringify([{ ifname: 'lo' }, { ifname: 'ib0000t1', stats64 }]);
  assert.deepEqual([...parseLinkCounters(text)], [['ib0000t1', counters]]);
});
