// Owns the daemon's answer about volumes: what the cloud knows of each, and what its guest's hypervisor counts.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { DeviceRates } from '@ironbark/core/io-calibration.ts';
import type { DiskStats } from '@ironbark/node/drivers/hypervisor-driver.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { VolumeFacts } from './admin-api.ts';
import type { RunningCloud } from './running-cloud.ts';

interface Reading {
  stats: DiskStats[];
  readAtMs: number;
}

interface VolumeFactsOptions {
  clock: Clock;
  readDevice(): Promise<DeviceRates | undefined>;
}

export async function describeVolumes(
  { admin, node }: Pick<RunningCloud, 'admin' | 'node'>,
  { clock, readDevice }: VolumeFactsOptions,
): Promise<VolumeFacts[]> {
  const volumes = await admin.listVolumes();
  const users = new Set(volumes.flatMap(({ instanceId }) => instanceId ?? []));
  const readings = new Map<InstanceId, Reading>();
  const read = async (id: InstanceId) => {
    // A guest that is off, or whose hypervisor does not answer, has no counters now.
    const stats = await node.readDiskStats(id).catch(() => undefined);
    if (stats !== undefined) readings.set(id, { stats, readAtMs: clock.monotonicMs() });
  };
  await Promise.all([...users].map(read));
  const device = await readDevice();
  const rates = device === undefined ? {} : { device };
  return volumes.map((volume) => {
    const reading = volume.instanceId === undefined ? undefined : readings.get(volume.instanceId);
    const stats = reading?.stats.find(({ serial }) => serial === volume.volumeId);
    if (stats === undefined) return volume;
    const known = volume.isElsewhere === true ? {} : rates;
    return { ...volume, stats, readAtMs: reading!.readAtMs, ...known };
  });
}
