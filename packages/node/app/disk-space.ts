// Owns the node's disk space: how much there is, how much stays free, and the error when it does not suffice.

import { statfs } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { GIB, renderBytes } from '@ironbark/core/units.ts';
import { hasCode } from '@ironbark/platform/files.ts';

/** Kept free for the host itself, the node's records and the logs. */
const RESERVE_BYTES = 1 * GIB;

export interface DiskSpace {
  totalBytes: number;
  /** What instances and images may still use. */
  freeBytes: number;
}

export async function readDiskSpace(directory: string): Promise<DiskSpace> {
  const { blocks, bavail, bsize } = await statfs(directory);
  return {
    totalBytes: blocks * bsize,
    freeBytes: Math.max(0, bavail * bsize - RESERVE_BYTES),
  };
}

export function outOfSpace(neededBytes: number, freeBytes: number, what: string): ServiceError {
  return new ServiceError({
    kind: 'out-of-space',
    resource: 'host',
    message: `The node's disk has ${renderBytes(freeBytes)} left for instances; ${what} needs ${renderBytes(neededBytes)}.`,
  });
}

/** Runs `work`; a disk that fills up during it becomes an error for people. */
export async function withSpace<T>(
  directory: string,
  needed: { bytes: number; what: string },
  work: () => Promise<T>,
): Promise<T> {
  const { freeBytes } = await readDiskSpace(directory);
  if (freeBytes < needed.bytes) throw outOfSpace(needed.bytes, freeBytes, needed.what);
  try {
    return await work();
  } catch (error) {
    if (!hasCode(error, 'ENOSPC')) throw error;
    const left = await readDiskSpace(directory);
    throw outOfSpace(needed.bytes, left.freeBytes, needed.what);
  }
}
