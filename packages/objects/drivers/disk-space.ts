// Owns what becomes of writes when the disk of the blobs is full: refused before the first byte where that is known.

import { statfsSync } from 'node:fs';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import type { WriteGuard } from '@ironbark/platform/write-guard.ts';

/** Kept free so that on a full disk objects can still be deleted, and their space be given back. */
const RESERVE_BYTES = 64 * MIB;
const RESERVE_FRACTION = 0.05;
/** Of the reserve; kept for the state store, which has to note what was moved and deleted: its log is 4 MiB. */
const STATE_FRACTION = 0.25;

export interface SpaceOptions {
  /** For what makes room in the end. Default: no. */
  usesReserve?: boolean;
}

/** What the kernel knows without asking the disk: a thread would take longer. */
export function requireSpace(
  folder: string,
  bytes: number,
  { usesReserve = false }: SpaceOptions = {},
): void {
  const { bavail, blocks, bsize } = statfsSync(folder);
  const reserve = Math.min(RESERVE_BYTES, blocks * bsize * RESERVE_FRACTION);
  const kept = usesReserve ? reserve * STATE_FRACTION : reserve;
  if (bavail * bsize - kept < bytes) throw outOfSpace();
}

/** Runs a sync. Some file systems find only now that they are full; any other failure is final. */
export async function keepWith(guard: WriteGuard, sync: () => Promise<void>): Promise<void> {
  try {
    await sync();
  } catch (error) {
    throw isDiskFull(error) ? error : guard.fail(error);
  }
}

export function isDiskFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT');
}

export function outOfSpace(cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'out-of-space',
    resource: 'host',
    message:
      'The store has no room for these bytes. Delete objects or add disk space; nothing was kept.',
    cause,
  });
}
