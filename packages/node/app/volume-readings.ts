// Owns what the node tells of the work of its guests' volumes: their counters, each with what they count from.

import { isResourceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { VolumeReading } from '@ironbark/protocol/internal/node-client.ts';
import type { DiskStats, GuestHandle, HypervisorDriver } from '../drivers/hypervisor-driver.ts';
import type { RecordStore } from '../store/records.ts';

export interface ReadingContext {
  records: Pick<RecordStore, 'list'>;
  driver: Pick<HypervisorDriver, 'diskStats'>;
  clock: Clock;
  logger: Logger;
}

/** Less than the patience of whoever asks: a guest whose hypervisor hangs costs its own readings only. */
const GUEST_TIMEOUT_MS = 2_000;
const READ = 'read';

export async function readVolumes(context: ReadingContext): Promise<VolumeReading[]> {
  const handles = context.records.list().flatMap(({ handle }) => handle ?? []);
  const running = handles.filter(({ pid }) => pid !== 0);
  const readings = await Promise.all(running.map((handle) => readGuest(context, handle)));
  return readings.flat();
}

async function readGuest(context: ReadingContext, handle: GuestHandle): Promise<VolumeReading[]> {
  const stats = await inTime(context, handle).catch((error: unknown) => {
    context.logger.debug('volumes of a guest cannot be read', { instance: handle.id, error });
    return [];
  });
  const readAtMs = context.clock.monotonicMs();
  const countedSince = `${handle.startedAt} ${handle.pid}`;
  return stats.flatMap(({ serial, readOps, writeOps, readBytes, writeBytes, readNs, writeNs }) => {
    if (!isResourceId('vol', serial)) return [];
    const counters = { readOps, writeOps, readBytes, writeBytes, readNs, writeNs };
    return [{ volumeId: serial, instanceId: handle.id, countedSince, readAtMs, counters }];
  });
}

/** None when the time is up. */
async function inTime(
  { driver, clock }: ReadingContext,
  handle: GuestHandle,
): Promise<DiskStats[]> {
  const done = new AbortController();
  const late = clock.sleep(GUEST_TIMEOUT_MS, done.signal).then(
    () => [],
    () => [],
  );
  try {
    return await Promise.race([driver.diskStats(handle), late]);
  } finally {
    done.abort(READ);
  }
}
