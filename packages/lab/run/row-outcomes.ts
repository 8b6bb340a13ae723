// Owns what comes of each row of a run: its samples, or why it has none. A row that fails is its own story alone.

import { sentenceOf } from './reasons.ts';

export interface RowOutcomesOptions {
  signal: AbortSignal;
  onProgress(text: string): void;
}

export class RowOutcomes<Taken> {
  /** Samples that will be taken, for whoever watches. */
  planned = 0;
  readonly #options: RowOutcomesOptions;
  readonly #taken = new Map<string, Taken[]>();
  readonly #reasons = new Map<string, string>();
  #done = 0;

  constructor(options: RowOutcomesOptions) {
    this.#options = options;
  }

  /** In the order in which they were taken; undefined when there are none. */
  takenOf(id: string): readonly Taken[] | undefined {
    return this.#taken.get(id);
  }

  reasonOf(id: string): string | undefined {
    return this.#reasons.get(id);
  }

  giveUp(id: string, reason: string): void {
    this.#reasons.set(id, reason);
  }

  /** Undefined where it failed. Throws when the run is ended. */
  async take<Sample>(id: string, measure: () => Promise<Sample>): Promise<Sample | undefined> {
    const { signal, onProgress } = this.#options;
    signal.throwIfAborted();
    this.#done += 1;
    onProgress(`${this.#done} of ${this.planned}, ${id}`);
    try {
      return await measure();
    } catch (error) {
      signal.throwIfAborted();
      this.giveUp(id, sentenceOf(error));
      return undefined;
    }
  }

  keep(id: string, taken: Taken): void {
    const all = this.#taken.get(id);
    if (all === undefined) this.#taken.set(id, [taken]);
    else all.push(taken);
  }
}
