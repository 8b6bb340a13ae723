// Owns what every rule of Walrus works with, and who is reading or writing which blob just now.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { IdentityClient } from '@ironbark/protocol/internal/identity-client.ts';
import type { Ownership } from '@ironbark/protocol/s3/ownership.ts';
import type { BlobLog } from '../drivers/blob-log.ts';
import type { BlobStore } from '../drivers/blob-store.ts';
import type { HashThreads } from '../drivers/hash-threads.ts';
import type { ObjectsDatabase } from '../store/schema.ts';
import type { AccessLogs } from './access-log-lines.ts';
import type { AccountKeys } from './account-keys.ts';
import type { Gateway } from './gateway.ts';
import type { KnownBuckets } from './known-buckets.ts';
import type { RequestCounters } from './request-counters.ts';

export interface ObjectsContext {
  db: ObjectsDatabase;
  blobs: BlobStore;
  /** Of small blobs; undefined where each is one of `blobs`, too. */
  log: BlobLog | undefined;
  /** This process among those that serve the same state. */
  gateway: Gateway;
  /** Digests of what is large. */
  hashing: HashThreads;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  region: string;
  /** Of buckets on which nobody has set it. AWS's own since 2023 is BucketOwnerEnforced. */
  defaultOwnership: Ownership;
  /** Signature Version 2, which SHA-1 makes no one's choice. */
  allowsSignatureV2: boolean;
  identity: IdentityClient;
  accountKeys: AccountKeys;
  buckets: KnownBuckets;
  /** Blobs that are being written or read by this process: no reconciler touches them. */
  busy: BusyBlobs;
  counters: RequestCounters;
  accessLogs: AccessLogs;
  /** Tells the reconciler that these blobs may be unwanted; losing it costs a resync period. */
  wake: { unwanted(ids: readonly string[]): void; lifecycle(): void };
}

/**
 * Counts the users of each blob in this process, and of each file of the log. A blob of this gateway's that is not here and
 * has no row in state `stored` is left over.
 */
export class BusyBlobs {
  readonly #users = new Map<string, number>();
  readonly #looks = new Set<Promise<void>>();
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

  /** Stands around finding out where blobs are, and holding them. */
  beginLook(): Disposable {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#looks.add(promise);
    return {
      [Symbol.dispose]: () => {
        this.#looks.delete(promise);
        resolve();
      },
    };
  }

  /** Resolves when all who look now have found what they looked for, and hold it. */
  async looksEnded(): Promise<void> {
    await Promise.all(this.#looks);
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

/** Under which `BusyBlobs` knows a file of the log. */
export function logFileKey(file: number): string {
  return `log ${file}`;
}

/** Digits of the ids of versions, uploads, buckets and blobs; 128 random bits never meet. */
const ID_BYTES = 16;

export function newRandomId(random: RandomSource): string {
  return random.bytes(ID_BYTES).toString('hex');
}
