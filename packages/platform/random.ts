// Owns chance: ids, secrets and jitter. A seeded source makes a run repeatable.

import { randomBytes } from 'node:crypto';
import { formatId, ID_RANDOM_BYTES, type IdPrefix, type ResourceId } from '@ironbark/core/ids.ts';

export interface RandomSource {
  bytes(length: number): Buffer;
  /** At least 0, below 1. */
  fraction(): number;
}

export const systemRandom: RandomSource = {
  bytes: takeBytes,
  fraction: () => takeBytes(4).readUInt32BE() / 2 ** 32,
};

const POOL_BYTES = 4_096;
let pool = Buffer.alloc(0);

/** Asking for a few bytes costs as much as for thousands. What was given is nowhere else any more. */
function takeBytes(length: number): Buffer {
  if (length > POOL_BYTES / 8) return randomBytes(length);
  if (pool.length < length) pool = randomBytes(POOL_BYTES);
  const taken = Buffer.from(pool.subarray(0, length));
  pool.fill(0, 0, length);
  pool = pool.subarray(length);
  return taken;
}

/** A repeatable source for tests and simulations (mulberry32); never for secrets. */
export function seededRandom(seed: number): RandomSource {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    fraction,
    bytes: (length) => Buffer.from(Array.from({ length }, () => Math.floor(fraction() * 256))),
  };
}

export function newId<Prefix extends IdPrefix>(
  random: RandomSource,
  prefix: Prefix,
): ResourceId<Prefix> {
  return formatId(prefix, random.bytes(ID_RANDOM_BYTES));
}
