// Owns how many bytes the bodies of one kind have in memory between them: first come, first served, and nobody waits
// without an end.

import type { Clock } from './clock.ts';

export interface ByteAllowanceOptions {
  /** At once. What is larger by itself waits for all others, and has it alone. */
  mostBytes: number;
  /** How long one waits. */
  patienceMs: number;
  clock: Clock;
}

interface Waiting {
  bytes: number;
  call: () => void;
}

export class ByteAllowance {
  readonly #options: ByteAllowanceOptions;
  readonly #waiting = new Set<Waiting>();
  #held = 0;

  constructor(options: ByteAllowanceOptions) {
    this.#options = options;
  }

  get heldBytes(): number {
    return this.#held;
  }

  /** Dispose it when the bytes are gone. Undefined: there was no room in time. */
  async take(bytes: number): Promise<Disposable | undefined> {
    if (this.#waiting.size === 0 && this.#hasRoom(bytes)) this.#held += bytes;
    else if (!(await this.#wait(bytes))) return undefined;
    let isHeld = true;
    return {
      [Symbol.dispose]: () => {
        if (isHeld) this.#held -= bytes;
        isHeld = false;
        this.#callNext();
      },
    };
  }

  #hasRoom(bytes: number): boolean {
    return this.#held === 0 || this.#held + bytes <= this.#options.mostBytes;
  }

  /** True: the bytes are the caller's. */
  async #wait(bytes: number): Promise<boolean> {
    const { clock, patienceMs } = this.#options;
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const end = new AbortController();
    const call = () => {
      end.abort(CALLED);
      resolve(true);
    };
    const mine = { bytes, call };
    this.#waiting.add(mine);
    clock.sleep(patienceMs, end.signal).then(
      () => {
        const wasWaiting = this.#waiting.delete(mine);
        resolve(!wasWaiting);
        // The one behind may need less.
        if (wasWaiting) this.#callNext();
      },
      () => {},
    );
    return await promise;
  }

  #callNext(): void {
    for (const next of this.#waiting) {
      if (!this.#hasRoom(next.bytes)) return;
      this.#waiting.delete(next);
      this.#held += next.bytes;
      next.call();
    }
  }
}

/** A reason that costs nothing, unlike the error that stands in for none. */
const CALLED = 'called';
