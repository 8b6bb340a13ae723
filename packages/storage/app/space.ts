// Owns the count of the bytes that new volumes may still claim.

import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import type { VolumeBackend } from '../drivers/volume-backend.ts';
import { hasFailedToGrow, type VolumeRow } from '../store/volumes.ts';

/** Left for what snapshots put aside and for the state store, which must not run dry for a volume. */
const RESERVE_FRACTION = 1 / 50;
const MAX_RESERVE_BYTES = 256 * MIB;

export interface Space {
  totalBytes: number;
  claimableBytes: number;
}

/**
 * Free bytes of the backend, less what is promised: volumes not yet made, and the parts of volumes that
 * their guests have discarded and may write again.
 */
export async function measureSpace(
  backend: VolumeBackend,
  volumes: readonly VolumeRow[],
): Promise<Space> {
  const { totalBytes } = await backend.space();
  const left = await leftBytes(backend, volumes);
  return { totalBytes, claimableBytes: Math.max(0, left) };
}

/**
 * Throws out-of-space unless a volume can be made, or become longer by `moreBytes`, without taking what others were
 * promised.
 */
export async function requireSpace(
  backend: VolumeBackend,
  volume: VolumeRow,
  others: readonly VolumeRow[],
  moreBytes = volume.size_bytes,
): Promise<void> {
  // The other backends find room while they make it, or say that there is none.
  if (volume.backend !== 'file') return;
  // Others that are not made yet take their chances: one that is far too large must not fail all the rest.
  const made = others.filter((each) => each.id !== volume.id && each.observed_state === 'ready');
  if ((await leftBytes(backend, [...made, volume])) >= 0) return;
  const { claimableBytes } = await measureSpace(backend, made);
  throw new ServiceError({
    kind: 'out-of-space',
    resource: 'volume',
    message: `The storage has ${renderBytes(claimableBytes)} left, which is less than the ${renderBytes(moreBytes)} that were asked for.`,
  });
}

async function leftBytes(backend: VolumeBackend, volumes: readonly VolumeRow[]): Promise<number> {
  const { totalBytes, freeBytes } = await backend.space();
  const reserve = Math.min(totalBytes * RESERVE_FRACTION, MAX_RESERVE_BYTES);
  let promised = 0;
  for (const row of volumes) promised += await promisedBytes(backend, row);
  return Math.floor(freeBytes - promised - reserve);
}

async function promisedBytes(backend: VolumeBackend, row: VolumeRow): Promise<number> {
  if (row.backend !== 'file') return 0;
  if (row.observed_state === 'absent' || row.observed_state === 'failed') return 0;
  const facts = await backend.inspect(row.id);
  if (facts === undefined && row.desired === 'absent') return 0;
  const wholeBytes = hasFailedToGrow(row) ? (facts?.sizeBytes ?? 0) : row.size_bytes;
  return Math.max(0, wholeBytes - (facts?.allocatedBytes ?? 0));
}
