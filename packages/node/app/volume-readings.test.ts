// Owns the tests of what the node tells of its guests' volumes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import type { DiskStats, GuestHandle } from '../drivers/hypervisor-driver.ts';
import type { InstanceRecord } from '../store/records.ts';
import { readVolumes } from './volume-readings.ts';

const clock: Clock = { nowMs: () => 0, monotonicMs: () => 7, sleep: async () => {} };

function record(id: GuestHandle['id'], pid: number): InstanceRecord {
  const handle = { id, driver: 'd', pid, pidStartTicks: 0, directory: '/', startedAt: 't' };
  return { id, handle } as InstanceRecord;
}

const COUNTERS = { readOps: 1, writeOps: 2, readBytes: 3, writeBytes: 4, readNs: 5, writeNs: 6 };

function stats(serial: string): DiskStats {
  return { serial, ...COUNTERS, flushOps: 0, flushNs: 0, failedOps: 0 };
}

test('volumes of running guests are told, whoever drives them, root disks are not, and a guest that hangs costs only its own', async () => {
  const records = [record('i-00000001', 11), record('i-00000002', 12), record('i-00000003', 13)];
  const diskStats = async ({ id }: GuestHandle): Promise<DiskStats[]> => {
    if (id === 'i-00000002') return new Promise(() => {});
    if (id === 'i-00000003') throw new Error('its socket is gone');
    return [stats('root'), stats('vol-00000001'), stats('vol-../x')];
  };
  const off = { id: 'i-00000004' } as Partial<InstanceRecord> as InstanceRecord;
  const list = () => [...records, record('i-00000005', 0), off];
  const more = { flushOps: 7, flushNs: 8, failedOps: 9 };
  const work = { countedSince: 'target', counters: { ...COUNTERS, ...more } };
  const readGuestWork = async (id: string) => {
    if (id === 'i-00000003') throw new Error('its target is gone');
    return id === 'i-00000002' ? [{ volumeId: 'vol-00000002' as const, work }] : [];
  };
  const context = {
    ...{ clock, logger: silentLogger, records: { list }, driver: { diskStats } },
    readGuestWork,
    readDevice: async () => undefined,
  };
  assert.deepEqual(await readVolumes(context), [
    {
      volumeId: 'vol-00000001',
      instanceId: 'i-00000001',
      countedSince: 't 11',
      readAtMs: 7,
      counters: COUNTERS,
    },
    {
      ...{ volumeId: 'vol-00000002', instanceId: 'i-00000002', readAtMs: 7 },
      ...{ countedSince: 'target', counters: COUNTERS },
    },
  ]);
});
