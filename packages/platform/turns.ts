// Owns turns at something that takes only so many at once: first come, first served, and nobody waits without an end.

import type { Clock } from './clock.ts';

export interface TurnsOptions {
  /** At once. */
  most: number;
  /** How long one waits. */
  patienceMs: number;
  clock: Clock;
}

/** One that was had, to be given back once. */
export type Turn = () => void;

export class Turns {
  readonly #options: TurnsOptions;
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#free = options.most;
  }

  /** Undefined: there was none in time. */
  async take(): Promise<Turn | undefined> {
    if (this.#free > 0) this.#free -= 1;
    else if (!(await this.#wait())) return undefined;
    let isHad = true;
    return () => {
      if (isHad) this.#passOn();
      isHad = false;
    };
  }

  /** True: one that was given back is the caller's. */
  async #wait(): Promise<boolean> {
    const { clock, patienceMs } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = new AbortController();
    const call = () => {
      end.abort(CALLED);
      resolve(true);
    };
    this.#waiting.add(call);
    clock.sleep(patienceMs, end.signal).then(
      () => resolve(!this.#waiting.delete(call)),
      () => {},
    );
    return await promise;
  }

  #passOn(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#free += 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}

/** A reason that costs nothing, unlike the error that stands in for none. */
const CALLED = 'called';
