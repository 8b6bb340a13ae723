// Owns how much a row moves: all of the run's transfer, but where it is known to be slow. Pure.

import { MIB } from '@ironbark/core/units.ts';
import type { MatrixRow } from '../matrix/configuration.ts';

/** A write that is waited for, with its metadata, takes ten to forty times as long; a quarter is still the longest row. */
const SLOW_PARTS = 4;
/** Files are filled, and dd counts, in whole mebibytes. */
const LEAST_BYTES = 8 * MIB;

export function transferBytes(
  { configuration, direction, workload }: Omit<MatrixRow, 'id'>,
  sizeBytes: number,
): number {
  const isDd = workload === 'buffered' || workload === 'direct';
  const isSlow = configuration.profile?.cache === 'writethrough' && direction === 'write' && isDd;
  if (!isSlow) return sizeBytes;
  const part = Math.floor(sizeBytes / SLOW_PARTS / MIB) * MIB;
  return Math.min(sizeBytes, Math.max(LEAST_BYTES, part));
}
