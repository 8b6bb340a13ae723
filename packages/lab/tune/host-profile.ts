// Owns the I/O profile of a host, all of it: what its disks, cards and volumes run with, from what was found. Pure.

import type { CalibrationFinding, HostIoProfile } from '@ironbark/core/io-calibration.ts';
import {
  type AioEngine,
  DIRECT,
  LINUX_READ_AHEAD_BYTES,
  PARAVIRTUAL,
} from '@ironbark/core/io-profile.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';

export interface ReadAhead {
  name: string;
  /** What a guest is shown. */
  optimalIoBytes: number;
  /** What its kernel has under way then: twice as much, or its own choice (block/blk-settings.c). */
  windowBytes: number;
}

/** The sizes are those of `OPTIMAL_IO_BYTES`, which nodes take. */
export const READ_AHEADS: readonly ReadAhead[] = [
  { name: '128 KiB', optimalIoBytes: 0, windowBytes: LINUX_READ_AHEAD_BYTES },
  { name: '1 MiB', optimalIoBytes: 512 * KIB, windowBytes: MIB },
  { name: '4 MiB', optimalIoBytes: 2 * MIB, windowBytes: 4 * MIB },
  { name: '16 MiB', optimalIoBytes: 8 * MIB, windowBytes: 16 * MIB },
];

export const BUS: CalibrationFinding = {
  ...{ name: 'bus', chosen: DIRECT.bus, measured: {}, unit: 'MB/s', by: 'design' },
  reason: 'Nodes offer no emulated bus: lab run paper measures what those cost.',
};

export const VOLUME: CalibrationFinding = {
  ...{ name: 'volume', measured: {}, unit: 'MB/s', by: 'design' },
  chosen: 'attached by the host over NBD',
  reason:
    'A guest sees an ordinary disk then, which its kernel flushes; tags of a volume ask for a driver in the guest (AoE, NBD).',
};

export function hostProfileOf(
  findings: readonly CalibrationFinding[],
  { hasVhostNet }: { hasVhostNet: boolean },
): HostIoProfile {
  const chosen = (name: CalibrationFinding['name']) =>
    findings.find((each) => each.name === name)!.chosen;
  const { bus, cache, iothread, queues, discard } = DIRECT;
  const readAhead = READ_AHEADS.find(({ name }) => name === chosen('read-ahead'))!;
  const { model, offloads, mtu } = PARAVIRTUAL;
  return {
    disk: {
      ...{ bus, cache, iothread, queues, discard, allocation: 'preallocated' },
      ...{ aio: chosen('engine') as AioEngine, optimalIoBytes: readAhead.optimalIoBytes },
    },
    nic: {
      ...{ model, offloads, mtu },
      ...(hasVhostNet
        ? { queues: PARAVIRTUAL.queues, vhost: PARAVIRTUAL.vhost }
        : { queues: 1, vhost: 'never' }),
    },
    volume: { attachMode: DIRECT.attachMode, transport: 'nbd' },
  };
}
