// Owns what the node tells of the work of its guests' volumes: their counters, each with what they count from.

import { type InstanceId, isResourceId, type VolumeId } from '@ironbark/core/ids.ts';
import type { DeviceRates } from '@ironbark/core/io-calibration.ts';
import type { DiskCounters } from '@ironbark/core/volume-figures.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { DiskWork } from '@ironbark/protocol/internal/guest-targets.ts';
import type { VolumeReading } from '@ironbark/protocol/internal/node-client.ts';
import type { GuestHandle, HypervisorDriver } from '../drivers/hypervisor-driver.ts';
import type { RecordStore } from '../store/records.ts';

export interface ReadingContext {
  records: Pick<RecordStore, 'list'>;
  driver: Pick<HypervisorDriver, 'diskStats'>;
  clock: Clock;
  logger: Logger;
  /** Of the volumes that the guest drives itself, as their targets count. */
  readGuestWork: (id: InstanceId) => Promise<{ volumeId: VolumeId; work: DiskWork }[]>;
  /** What was measured of the node's disk. */
  readDevice: () => Promise<DeviceRates | undefined>;
}

/** Less than the patience of whoever asks: a guest whose hypervisor hangs costs its own readings only. */
const GUEST_TIMEOUT_MS = 2_000;
const READ = 'read';

export async function readVolumes(context: ReadingContext): Promise<VolumeReading[]> {
  const handles = context.records.list().flatMap(({ handle }) => handle ?? []);
  const running = handles.filter(({ pid }) => pid !== 0);
  const readings = await Promise.all(
    running.flatMap((handle) => [readGuest(context, handle), readOwnVolumes(context, handle)]),
  );
  const device = await context.readDevice();
  if (device === undefined) return readings.flat();
  const { readBytesPerSecond, writeBytesPerSecond } = device;
  const rates = { readBytesPerSecond, writeBytesPerSecond };
  return readings.flat().map((reading) => ({ ...reading, device: rates }));
}

async function readGuest(context: ReadingContext, handle: GuestHandle): Promise<VolumeReading[]> {
  const stats = await orNone(context, handle, context.driver.diskStats(handle));
  const readAtMs = context.clock.monotonicMs();
  const countedSince = `${handle.startedAt} ${handle.pid}`;
  return stats.flatMap(({ serial, ...counted }) => {
    if (!isResourceId('vol', serial)) return [];
    const counters = pickCounters(counted);
    return [{ volumeId: serial, instanceId: handle.id, countedSince, readAtMs, counters }];
  });
}

function pickCounters(counters: DiskCounters): DiskCounters {
  const { readOps, writeOps, readBytes, writeBytes, readNs, writeNs } = counters;
  return { readOps, writeOps, readBytes, writeBytes, readNs, writeNs };
}

/** Those that QEMU does not see. */
async function readOwnVolumes(
  context: ReadingContext,
  handle: GuestHandle,
): Promise<VolumeReading[]> {
  const found = await orNone(context, handle, context.readGuestWork(handle.id));
  const readAtMs = context.clock.monotonicMs();
  return found.map(({ volumeId, work: { countedSince, counters } }) => ({
    ...{ volumeId, instanceId: handle.id, countedSince, readAtMs },
    counters: pickCounters(counters),
  }));
}

/** None when it fails, or when the time is up. */
async function orNone<T>(
  { clock, logger }: ReadingContext,
  { id }: GuestHandle,
  reading: Promise<T[]>,
): Promise<T[]> {
  const done = new AbortController();
  const late = clock.sleep(GUEST_TIMEOUT_MS, done.signal).then(
    () => [],
    () => [],
  );
  try {
    return await Promise.race([reading, late]);
  } catch (error) {
    logger.debug('volumes of a guest cannot be read', { instance: id, error });
    return [];
  } finally {
    done.abort(READ);
  }
}
