// Owns what is known of a live volume, as an explanation takes it: its own counters in an interval, its limits, and the
// profile by which it is attached.

import { type DiskProfile, LINUX_READ_AHEAD_BYTES } from '@ironbark/core/io-profile.ts';
import type { VolumeFigures } from '@ironbark/core/volume-figures.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { Observation } from './observation.ts';

export interface LiveVolume {
  figures: VolumeFigures;
  limits: VolumeLimits;
  profile: DiskProfile;
}

/** Of what it does more of. What the host could do is not known of a volume at work. */
export function observeVolume({ figures, limits, profile }: LiveVolume): Observation {
  const { intervalSeconds, VolumeReadBytes, VolumeWriteBytes } = figures;
  const isRead = VolumeReadBytes >= VolumeWriteBytes;
  const ownReadAhead = 2 * profile.optimalIoBytes;
  return {
    direction: isRead ? 'read' : 'write',
    guestRate: (isRead ? VolumeReadBytes : VolumeWriteBytes) / intervalSeconds,
    seen: {
      requestSectors: figures.averageRequestSectors,
      queueDepth: figures.averageQueueDepth,
      utilisation: figures.utilisation,
    },
    limit: limitNow(limits, {
      iops: (figures.VolumeReadOps + figures.VolumeWriteOps) / intervalSeconds,
      bytesPerSecond: (VolumeReadBytes + VolumeWriteBytes) / intervalSeconds,
      requestBytes: figures.averageRequestSectors * SECTOR_BYTES,
    }),
    setting: {
      bus: profile.bus,
      store: 'volume',
      cache: profile.cache,
      readAheadBytes: Math.max(ownReadAhead, LINUX_READ_AHEAD_BYTES),
      attachMode: profile.attachMode,
    },
  };
}

const SECTOR_BYTES = 512;
/** More than this above a rate, and the rate is not what holds it. */
const BEYOND = 1.1;

/**
 * A volume that saves up is allowed more for a while; one that gets more than it may is held by nothing. Requests of this
 * size: a large one counts as several.
 */
function limitNow(
  { iops, bytesPerSecond, operationBytes, burst }: VolumeLimits,
  rate: { iops: number; bytesPerSecond: number; requestBytes: number },
): NonNullable<Observation['limit']> {
  const operations = Math.max(1, rate.requestBytes / operationBytes);
  const held = (limit: number, is: number, allowed: number | undefined) => {
    if (is <= BEYOND * limit) return limit;
    return allowed !== undefined && is <= BEYOND * allowed ? allowed : Number.POSITIVE_INFINITY;
  };
  const more = (of: 'iops' | 'bytes') => (burst?.of === of ? burst.perSecond : undefined);
  return {
    iops: held(iops, rate.iops * operations, more('iops')) / operations,
    bytesPerSecond: held(bytesPerSecond, rate.bytesPerSecond, more('bytes')),
  };
}
