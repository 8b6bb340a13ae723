// Owns what one gateway has to know of the others that serve the same state: whether it does what one does for all, and
// when nobody reads any more what is to be removed.
//
// No clock is compared. Each gateway counts beats and writes down, with each, the beat during which its oldest read began.
// Whoever wants to remove a blob notes the beats once nobody can find it any more: reads that may have found it began at
// most one beat later than what was written down. It is removed when all gateways say that their oldest read is younger.

import type { RandomSource } from '@ironbark/platform/random.ts';
import { listGateways, putBeat } from '../store/gateways.ts';
import type { ObjectsDatabase } from '../store/schema.ts';

export interface Gateway {
  /** As rows name it; null: it is the only one. */
  readonly id: string | null;
  /** Whether it does just now what one does for all. Two may think so for a moment. */
  isLeader(): boolean;
  /** Stands around a read, from before the first look at a row. */
  beginRead(): Disposable;
  /** Whether all are over that may have found the blob when this was first asked; ask again later. */
  readsEnded(blobId: string): Promise<boolean>;
  /** Nobody asks any more. */
  forget(blobId: string): void;
}

const NOTHING: Disposable = { [Symbol.dispose]: () => {} };

/** Who reads here is known to `BusyBlobs`. */
export const ONLY_GATEWAY: Gateway = {
  id: null,
  isLeader: () => true,
  beginRead: () => NOTHING,
  readsEnded: async () => true,
  forget: () => {},
};

const ID_BYTES = 8;

/** By gateway. */
type Beats = ReadonlyMap<string, number>;

export class SharedGateway implements Gateway {
  readonly id: string;
  readonly #db: ObjectsDatabase;
  readonly #isLeader: () => boolean;
  /** Not written down yet, or the last that was. */
  #beat = 1;
  #written = 0;
  readonly #reads = new Map<Disposable, number>();
  /** What was written down when each blob was first asked about. */
  readonly #noted = new Map<string, Beats>();

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
  }

  async readsEnded(blobId: string): Promise<boolean> {
    const gateways = await listGateways(this.#db.query);
    const noted = this.#noted.get(blobId);
    if (noted === undefined) {
      this.#noted.set(blobId, new Map(gateways.map(({ id, beat }) => [id, beat])));
      return gateways.length === 0;
    }
    return gateways.every(({ id, oldest_read: oldest }) => oldest > (noted.get(id) ?? -1) + 1);
  }

  forget(blobId: string): void {
    this.#noted.delete(blobId);
  }
}
