// Owns what the node tells of the work of its guests' network cards: their counters, each with what they count from.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { NetworkReading } from '@ironbark/protocol/internal/node-client.ts';
import type { HostNetwork } from '../host/host-network.ts';
import { readIoCalibration } from '../host/io-calibration.ts';
import type { RecordStore } from '../store/records.ts';

export interface NetworkReadingContext {
  records: Pick<RecordStore, 'list'>;
  clock: Clock;
  logger: Logger;
}

export interface NetworkReadingHost {
  network: Pick<HostNetwork, 'readCounters'>;
  /** With what was measured of the path between guests and the host. */
  dataDir: string;
}

export async function readNetwork(
  context: NetworkReadingContext,
  { network, dataDir }: NetworkReadingHost,
): Promise<NetworkReading[]> {
  const running = context.records.list().filter(({ handle }) => (handle?.pid ?? 0) !== 0);
  if (running.length === 0) return [];
  const found = await countPorts(network, context.logger);
  const readAtMs = context.clock.monotonicMs();
  const path = (await readIoCalibration(dataDir))?.path;
  const known = path === undefined ? {} : { path };
  return running.flatMap(({ id, handle, nicProfiles }) =>
    (Object.entries(nicProfiles) as [InterfaceId, NicProfile][]).flatMap(
      ([interfaceId, profile]) => {
        const counters = found.get(interfaceId);
        if (counters === undefined) return [];
        const { pid, startedAt } = handle!;
        const ids = { interfaceId, instanceId: id, countedSince: `${startedAt} ${pid}` };
        return [{ ...ids, pid, profile, readAtMs, counters, ...known }];
      },
    ),
  );
}

/** Nothing when the host does not say: what was not read is a gap. */
async function countPorts(network: NetworkReadingHost['network'], logger: Logger) {
  try {
    const ports = await network.readCounters();
    return new Map(ports.map(({ interfaceId, counters }) => [interfaceId, counters]));
  } catch (error) {
    logger.debug('ports of guests cannot be read', { error });
    return new Map<InterfaceId, never>();
  }
}
