// Owns the suite of bit rot, as the runner starts it.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { flipBits } from './flip-bits.ts';

const DEFAULT_FLIPS = 10_000;

export const bitRotSuite: FaultSuite = async ({ seed, count = DEFAULT_FLIPS }) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-rot-'));
  try {
    const { flips, unnoticed, wrong } = await flipBits({ folder, flips: count, seed });
    return [
      { name: 'bits flipped in blobs', value: flips, bar: 1, ok: flips > 0 },
      { name: 'whole reads that did not notice', value: unnoticed, bar: 0, ok: unnoticed === 0 },
      { name: 'reads that gave out wrong bytes', value: wrong, bar: 0, ok: wrong === 0 },
    ];
  } finally {
    await rm(folder, { recursive: true });
  }
};
