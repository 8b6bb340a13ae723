// Owns what a node offers: processors, memory and disk, less what the host keeps for itself.

import { availableParallelism, totalmem } from 'node:os';
import { GIB, MIB } from '@ironbark/core/units.ts';
import type { NodeCapacity } from '@ironbark/protocol/internal/instance-messages.ts';
import { readDiskSpace } from './disk-space.ts';

/** For the host: a tenth of the memory, at least 1 GiB, at most 8 GiB. Memory is never promised twice. */
const MEMORY_RESERVE_SHARE = 0.1;
const MEMORY_RESERVE_LEAST_BYTES = 1 * GIB;
const MEMORY_RESERVE_MOST_BYTES = 8 * GIB;

export function offeredMemoryMib(totalBytes: number): number {
  const share = Math.max(totalBytes * MEMORY_RESERVE_SHARE, MEMORY_RESERVE_LEAST_BYTES);
  const reserve = Math.min(share, MEMORY_RESERVE_MOST_BYTES);
  return Math.max(0, Math.floor((totalBytes - reserve) / MIB));
}

export async function readCapacity(dataDir: string): Promise<NodeCapacity> {
  const { totalBytes, freeBytes } = await readDiskSpace(dataDir);
  return {
    vcpus: availableParallelism(),
    memoryMib: offeredMemoryMib(totalmem()),
    diskBytes: totalBytes,
    diskFreeBytes: freeBytes,
  };
}
