// Owns virtual time: one event at a time, each run until nothing moves any more, the next one chosen by the seed.
//
// Nothing inside may wait for the real world. Files and databases are in memory and answer in microtasks, so a turn
// of Node's own loop is enough to know that an event is over; what is left then waits for a later event.

import { createHash } from 'node:crypto';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { EventQueue, type ScheduledEvent } from './event-queue.ts';

/** The wall clock at the start of every run. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);

export class Simulation {
  /** Virtual milliseconds since the start. */
  nowMs = 0;
  /** What every wall clock is ahead of the time that has passed. */
  wallAheadMs = 0;
  /** Events that ran. */
  events = 0;
  readonly random: RandomSource;
  /** What must never happen and did. */
  readonly violations: string[] = [];
  readonly #queue = new EventQueue();
  readonly #hash = createHash('sha256');
  #sequence = 0;

  constructor(seed: number) {
    this.random = seededRandom(seed);
  }

  /** Plans an event; the label is part of the run's hash. */
  after(delayMs: number, label: string, run: () => void): ScheduledEvent {
    const atMs = this.nowMs + Math.max(0, Math.round(delayMs));
    const order = { tie: this.random.fraction(), sequence: this.#sequence++ };
    const event: ScheduledEvent = { atMs, ...order, label, run, isCancelled: false };
    this.#queue.push(event);
    return event;
  }

  /** An integer of at least `least` and below `most`. */
  between(least: number, most: number): number {
    return least + Math.floor(this.random.fraction() * (most - least));
  }

  happens(probability: number): boolean {
    return probability > 0 && this.random.fraction() < probability;
  }

  pick<Item>(items: readonly Item[]): Item | undefined {
    return items[this.between(0, items.length)];
  }

  note(fact: string): void {
    this.#hash.update(`${this.nowMs} ${fact}\n`);
  }

  violate(sentence: string): void {
    this.violations.push(`${this.nowMs} ms: ${sentence}`);
  }

  /** Runs events until the virtual time has come, or `isOver` says so after an event. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    while (this.nowMs <= untilMs && !isOver()) {
      const event = this.#queue.pop();
      if (event === undefined) return;
      if (event.atMs > untilMs) {
        this.#queue.push(event);
        this.nowMs = untilMs;
        return;
      }
      this.nowMs = event.atMs;
      this.events += 1;
      this.note(event.label);
      event.run();
      await quiescence();
    }
  }

  /** The same for the same seed, as far as it has come. */
  digest(): string {
    return this.#hash.copy().digest('hex');
  }
}

/** Resolves when every microtask and every `nextTick` that is under way has come to its end. */
export function quiescence(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What a call to a process that has died gets: nothing, ever. */
export function never<Result>(): Promise<Result> {
  return new Promise<Result>(() => {});
}
