// Owns who works on a volume's file and target: one at a time, in order of asking.

import type { VolumeId } from '@ironbark/core/ids.ts';

export class VolumeLocks {
  readonly #tails = new Map<VolumeId, Promise<void>>();

  /** Whoever asked now would wait. */
  isTaken(id: VolumeId): boolean {
    return this.#tails.has(id);
  }

  async run<Result>(id: VolumeId, work: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(id) ?? Promise.resolve();
    const { promise: mine, resolve: release } = Promise.withResolvers<void>();
    this.#tails.set(id, mine);
    await before;
    try {
      return await work();
    } finally {
      release();
      if (this.#tails.get(id) === mine) this.#tails.delete(id);
    }
  }
}
