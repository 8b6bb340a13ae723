// Owns which buckets need not be asked for again: those that were read since the last change of the state that could have
// been one of a bucket. PUTs of small objects, which a journal keeps, change none.

import { type BucketWithSettings, findBucketWithSettings } from '../store/buckets.ts';
import type { ObjectsDatabase } from '../store/schema.ts';

/** A few hundred bytes each, and their documents. */
const MAX_BUCKETS = 1_000;

export class KnownBuckets {
  readonly #db: ObjectsDatabase;
  readonly #buckets = new Map<string, BucketWithSettings>();
  #changes: number | undefined;

  constructor(db: ObjectsDatabase) {
    this.#db = db;
  }

  async find(name: string): Promise<BucketWithSettings | undefined> {
    const { changes } = this.#db;
    if (changes === undefined) return await findBucketWithSettings(this.#db.query, name);
    if (changes === this.#changes) {
      const known = this.#buckets.get(name);
      if (known !== undefined) return known;
    }
    const found = await findBucketWithSettings(this.#db.query, name);
    if (found !== undefined) this.#keep(found, changes);
    return found;
  }

  /** Unless something was changed while it was read. */
  #keep(bucket: BucketWithSettings, changes: number): void {
    if (this.#db.changes !== changes) return;
    if (this.#changes !== changes || this.#buckets.size >= MAX_BUCKETS) this.#buckets.clear();
    this.#changes = changes;
    this.#buckets.set(bucket.name, bucket);
  }
}
