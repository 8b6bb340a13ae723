// Owns what one gateway has to know of the others that serve the same state: whether it does what one does for all, and
// when nobody reads any more what is to be removed.
//
// No clock is compared. Each gateway counts beats and writes down, with each, the beat during which its oldest read began.
// Whoever wants to remove a blob notes the beats once nobody can find it any more: reads that may have found it began at
// most one beat later than what was written down. It is removed when all gateways say that their oldest read is younger.

import type { RandomSource } from '@ironbark/platform/random.ts';
import { listGateways, putBeat } from '../store/gateways.ts';
import type { GatewayTable, ObjectsDatabase } from '../store/schema.ts';

export interface Gateway {
  /** As rows name it; null: it is the only one. */
  readonly id: string | null;
  /** Whether it does just now what one does for all. Two may think so for a moment. */
  isLeader(): boolean;
  /** Stands around a read, from before the first look at a row. */
  beginRead(): Disposable;
  /** From now on reads count that may have found the blob; again changes nothing. Nobody can find it any more. */
  awaitReads(blobId: string): void;
  /** When to ask again; 0: all are over that were awaited. Undefined: none are awaited yet. */
  readsLastMs(blobId: string): number | undefined;
  /** Nobody asks any more. */
  forget(blobId: string): void;
}

const NOTHING: Disposable = { [Symbol.dispose]: () => {} };

/** Who reads here is known to `BusyBlobs`. */
export const ONLY_GATEWAY: Gateway = {
  id: null,
  isLeader: () => true,
  beginRead: () => NOTHING,
  awaitReads: () => {},
  readsLastMs: () => 0,
  forget: () => {},
};

const ID_BYTES = 8;

/** What is to be removed waits for four of them. */
export const BEAT_MS = 1_000;
/** Of a read that lasts; thousands of blobs may wait for it. */
const MAX_PAUSE_BEATS = 15;

interface Awaited {
  /** Listings begun before; what they say may be too old. */
  listings: number;
  /** Beats of this gateway. */
  since: number;
  /** What each gateway had written down; undefined until a listing has said so. */
  beats: ReadonlyMap<string, number> | undefined;
}

export class SharedGateway implements Gateway {
  readonly id: string;
  readonly #db: ObjectsDatabase;
  readonly #isLeader: () => boolean;
  /** Not written down yet, or the last that was. */
  #beat = 1;
  #written = 0;
  readonly #reads = new Map<Disposable, number>();
  readonly #awaited = new Map<string, Awaited>();
  /** Begun so far; the last one that has ended, with its number. */
  #listings = 0;
  #listed: { number: number; rows: readonly GatewayTable[] } = { number: 0, rows: [] };

  constructor(options: { db: ObjectsDatabase; random: RandomSource; isLeader: () => boolean }) {
    this.id = options.random.bytes(ID_BYTES).toString('hex');
    this.#db = options.db;
    this.#isLeader = options.isLeader;
  }

  isLeader(): boolean {
    return this.#isLeader();
  }

  beginRead(): Disposable {
    const read: Disposable = { [Symbol.dispose]: () => void this.#reads.delete(read) };
    this.#reads.set(read, this.#beat);
    return read;
  }

  /** One at a time. A beat that may not have been written down is not followed by the next. */
  async beat(): Promise<void> {
    if (this.#written === this.#beat) this.#beat += 1;
    const beat = this.#beat;
    const [oldest = beat] = this.#reads.values();
    await putBeat(this.#db.query, { id: this.id, beat, oldest_read: oldest });
    this.#written = beat;
    if (this.#awaited.size > 0) await this.#list();
  }

  /** Once a beat, for all who wait. */
  async #list(): Promise<void> {
    this.#listings += 1;
    const number = this.#listings;
    this.#listed = { number, rows: await listGateways(this.#db.query) };
  }

  awaitReads(blobId: string): void {
    if (this.#awaited.has(blobId)) return;
    const begun = { listings: this.#listings, since: this.#beat };
    this.#awaited.set(blobId, { ...begun, beats: undefined });
  }

  readsLastMs(blobId: string): number | undefined {
    const awaited = this.#awaited.get(blobId);
    if (awaited === undefined) return undefined;
    return this.#areOver(awaited) ? 0 : this.#pauseMs(awaited);
  }

  #areOver(awaited: Awaited): boolean {
    const { number, rows } = this.#listed;
    const { beats } = awaited;
    if (beats !== undefined) {
      return rows.every(({ id, oldest_read: oldest }) => oldest > (beats.get(id) ?? -1) + 1);
    }
    if (number > awaited.listings) awaited.beats = new Map(rows.map(({ id, beat }) => [id, beat]));
    return false;
  }

  /** The longer they have lasted, the longer. */
  #pauseMs({ since }: Awaited): number {
    const beats = Math.floor((this.#beat - since) / 2);
    return Math.min(Math.max(beats, 1), MAX_PAUSE_BEATS) * BEAT_MS;
  }

  forget(blobId: string): void {
    this.#awaited.delete(blobId);
  }
}
