// Owns the memory of what this process has told a controller: everything is told once after a start, and what
// has not been reached is told again from time to time.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { ReconcileResult } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';

/** A controller that has lost an intent gets it again this late; one that works on it is not disturbed more often. */
const RESEND_MS = 10_000;

export class SentGenerations<Id extends string> {
  readonly #clock: Clock;
  readonly #sent = new Map<Id, { generation: number; atMs: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  isDue(id: Id, generation: number, observedGeneration: number): boolean {
    const last = this.#sent.get(id);
    if (last?.generation !== generation) return true;
    const isReached = observedGeneration >= generation;
    return !isReached && this.#clock.monotonicMs() - last.atMs >= RESEND_MS;
  }

  record(id: Id, generation: number): void {
    this.#sent.set(id, { generation, atMs: this.#clock.monotonicMs() });
  }

  forget(id: Id): void {
    this.#sent.delete(id);
  }

  next(generation: number, observedGeneration: number): ReconcileResult {
    return observedGeneration >= generation ? SETTLED : { kind: 'again', afterMs: RESEND_MS };
  }
}
