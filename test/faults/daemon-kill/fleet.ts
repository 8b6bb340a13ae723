// Owns the guests that daemons are killed under, and the proof that these lived through all of it.

import type { Figure } from '../../support/figures.ts';

export interface Fleet {
  readonly size: number;
  /** What became of the guests since they were made. */
  judge(): Promise<Figure[]>;
}
