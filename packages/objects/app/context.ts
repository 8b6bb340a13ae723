// Owns what every rule of Walrus works with, and who is reading or writing which blob just now.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { BlobStore } from '../drivers/blob-store.ts';
import type { ObjectsDatabase } from '../store/schema.ts';

export interface ObjectsContext {
  db: ObjectsDatabase;
  blobs: BlobStore;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  region: string;
  /** Blobs that are being written or read by this process: no reconciler touches them. */
  busy: BusyBlobs;
  /** Tells the reconciler that these blobs may be unwanted; losing it costs a resync period. */
  wake: { unwanted(ids: readonly string[]): void };
}

/**
 * Counts the users of each blob. One process owns a folder of blobs, so a blob that is not here and has no row in
 * state `stored` is left over.
 */
export class BusyBlobs {
  readonly #users = new Map<string, number>();
  #holdsOfAll = 0;

  /** Keeps every file, wanted or not, for one who reads them all. */
  holdAll(): Disposable {
    this.#holdsOfAll += 1;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#holdsOfAll -= 1;
        isHeld = false;
      },
    };
  }

  get areAllHeld(): boolean {
    return this.#holdsOfAll > 0;
  }

  hold(ids: readonly string[]): Disposable {
    for (const id of ids) this.#users.set(id, (this.#users.get(id) ?? 0) + 1);
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#release(ids);
        isHeld = false;
      },
    };
  }

  has(id: string): boolean {
    return this.areAllHeld || this.#users.has(id);
  }

  #release(ids: readonly string[]): void {
    for (const id of ids) {
      const left = (this.#users.get(id) ?? 1) - 1;
      if (left === 0) this.#users.delete(id);
      else this.#users.set(id, left);
    }
  }
}

/** Digits of the ids of versions, uploads, buckets and blobs; 128 random bits never meet. */
const ID_BYTES = 16;

export function newRandomId(random: RandomSource): string {
  return random.bytes(ID_BYTES).toString('hex');
}
