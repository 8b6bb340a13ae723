// Owns the ids of requests.

import type { RandomSource } from '@ironbark/platform/random.ts';

/** A version 4 UUID, as AWS writes request ids. */
export function newRequestId(random: RandomSource): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
