// Owns what a requested disk profile becomes on this host: refused where it is not offered, else as it really runs.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import type { DiskEngine } from './argv.ts';

/** What was measured is a file of the node's; a volume's bytes may be anywhere. */
export function engineFor(source: string, { aio, direct, optimalIoBytes }: DiskEngine): DiskEngine {
  const isMeasured = source === 'file' && optimalIoBytes !== undefined;
  return { aio, direct, ...(isMeasured ? { optimalIoBytes } : {}) };
}

/** The profile with which a file of this host really runs; its name stays the requested one. */
export function effectiveDiskProfile(
  requested: DiskProfile,
  engine: DiskEngine,
  vcpus: number,
): DiskProfile {
  refuseUnlessOffered(requested);
  const cache = requested.cache === 'direct' && !engine.direct ? 'writeback' : requested.cache;
  const queues = requested.queues === 'vcpus' ? vcpus : requested.queues;
  const { optimalIoBytes = requested.optimalIoBytes } = engine;
  const aio = weakerAio(requested, engine, cache);
  return { ...requested, cache, queues, aio, optimalIoBytes };
}

/** Linux's native AIO blocks on anything but O_DIRECT, and QEMU refuses the pair. */
function weakerAio(
  requested: DiskProfile,
  engine: DiskEngine,
  cache: DiskProfile['cache'],
): DiskProfile['aio'] {
  const order = ['threads', 'native', 'io_uring'] as const;
  const aio = order[Math.min(order.indexOf(requested.aio), order.indexOf(engine.aio))]!;
  return aio === 'native' && cache !== 'direct' ? 'threads' : aio;
}

function refuseUnlessOffered(profile: DiskProfile): void {
  if (profile.bus === 'virtio-blk' && profile.attachMode === 'host') return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'volume',
    message: `The I/O profile ${profile.name} needs a disk on ${profile.bus}, attached by the ${profile.attachMode}; this node offers virtio-blk disks attached by the host.`,
  });
}
