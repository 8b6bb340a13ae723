// Owns one life of a process: its clock and its chance, and that nothing of it goes on after its end.

import type { Clock } from '@ironbark/platform/clock.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { EPOCH_MS, never, type Simulation } from './simulation.ts';

export class SimulatedProcess {
  readonly name: string;
  readonly clock: Clock;
  readonly random: RandomSource;
  #isAlive = true;
  readonly #simulation: Simulation;

  constructor(simulation: Simulation, name: string) {
    this.name = name;
    this.#simulation = simulation;
    this.random = seededRandom(simulation.between(0, 2 ** 31));
    this.clock = {
      nowMs: () => EPOCH_MS + simulation.nowMs + simulation.wallAheadMs,
      monotonicMs: () => simulation.nowMs,
      sleep: (ms, signal) => this.#sleep(ms, signal),
    };
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  /** Like SIGKILL: timers do not fire, and whatever waits goes on waiting. */
  kill(): void {
    this.#isAlive = false;
  }

  #sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (!this.#isAlive) return never();
    if (signal?.aborted === true) return Promise.reject(signal.reason);
    return new Promise((resolve, reject) => {
      const event = this.#simulation.after(ms, `${this.name} wakes`, () => {
        signal?.removeEventListener('abort', abort);
        if (this.#isAlive) resolve();
      });
      const abort = () => {
        event.isCancelled = true;
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', abort, { once: true });
    });
  }
}
