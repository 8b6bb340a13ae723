// Owns a clock for tests: its wall clock is set forward and back at will, and time passes as fast as a test wants.

import { type Clock, systemClock } from '@ironbark/platform/clock.ts';

interface Sleeper {
  dueMs: number;
  wake: AbortController;
}

export class JumpingClock implements Clock {
  #passedMs = 0;
  #wallOffsetMs = 0;
  readonly #sleepers = new Set<Sleeper>();

  nowMs(): number {
    return systemClock.nowMs() + this.#passedMs + this.#wallOffsetMs;
  }

  monotonicMs(): number {
    return systemClock.monotonicMs() + this.#passedMs;
  }

  /** Somebody sets the host's clock: it jumps, and no time passes. */
  setWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** So much time passes at once; who slept until then wakes up. */
  pass(ms: number): void {
    this.#passedMs += ms;
    for (const { dueMs, wake } of this.#sleepers) {
      if (dueMs <= this.monotonicMs()) wake.abort();
    }
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    const sleeper = { dueMs: this.monotonicMs() + ms, wake: new AbortController() };
    this.#sleepers.add(sleeper);
    const signals = signal === undefined ? [] : [signal];
    try {
      await systemClock.sleep(ms, AbortSignal.any([sleeper.wake.signal, ...signals]));
    } catch (error) {
      signal?.throwIfAborted();
      if (!sleeper.wake.signal.aborted) throw error;
    } finally {
      this.#sleepers.delete(sleeper);
    }
  }
}
