// Owns the runner of reconcilers: who gets called with which key, when, and what happens when one fails.
//
// A reconciler is level-triggered. It gets a key, never an event: it compares desired with observed, takes one
// idempotent step and says whether to look again. A poke is only a hint that now is a good time, so losing one
// costs a resync period and nothing else. Work that failed is repeated, never undone.

import type { Clock } from './clock.ts';
import type { Logger } from './logger.ts';
import type { RandomSource } from './random.ts';

/** `settled`: nothing left to do. `again`: look again after this time, or sooner when poked. */
export type ReconcileResult = { kind: 'settled' } | { kind: 'again'; afterMs: number };

export const SETTLED: ReconcileResult = { kind: 'settled' };

export interface Reconciler {
  readonly name: string;
  /** Every key that may need work; called at the start and once a resync period. */
  listKeys(): Promise<readonly string[]>;
  reconcile(key: string, signal: AbortSignal): Promise<ReconcileResult>;
}

/**
 * Stands around every effect of every reconciler. `step` is the reconciler's name and what it does, such as
 * `volume/create`. Tests have steps fail, end the process, and run twice here; `takeStep` just takes them.
 */
export type AroundStep = <Result>(step: string, take: () => Promise<Result>) => Promise<Result>;

export const takeStep: AroundStep = (_step, take) => take();

export interface ReconcilerOptions {
  /** Keys worked on at the same time; one key is never worked on twice at once. */
  concurrency?: number;
  resyncMs?: number;
}

export interface ReconcilerHandle {
  poke(key: string): void;
  /** Lists the keys again now. */
  resync(): void;
}

export interface RunnerContext {
  clock: Clock;
  random: RandomSource;
  logger: Logger;
}

/** Why a later look is called off; a reason that costs nothing, unlike the error that stands in for none. */
const LOOKED_AT = 'looked at before';
const DEFAULT_CONCURRENCY = 8;
const DEFAULT_RESYNC_MS = 30_000;
const BACKOFF_START_MS = 100;
const BACKOFF_LIMIT_MS = 15_000;

export class ReconcilerRunner implements AsyncDisposable {
  readonly #context: RunnerContext;
  readonly #queues: KeyQueue[] = [];
  readonly #stop = new AbortController();

  constructor(context: RunnerContext) {
    this.#context = context;
  }

  /** Adds a reconciler and starts it with all of its keys. */
  add(reconciler: Reconciler, options: ReconcilerOptions = {}): ReconcilerHandle {
    const queue = new KeyQueue(reconciler, options, this.#context, this.#stop.signal);
    this.#queues.push(queue);
    queue.start();
    return { poke: (key) => queue.poke(key), resync: () => queue.resync() };
  }

  /** True when no key is due, running or failing; keys that asked to look again later do not count. */
  isQuiet(): boolean {
    return this.#queues.every((queue) => queue.isQuiet());
  }

  /** Stops giving out work and waits for the steps under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the reconcilers are stopping'));
    await Promise.all(this.#queues.map((queue) => queue.drained()));
  }
}

interface KeyState {
  failures: number;
  /** Poked while running: run once more. */
  poked: boolean;
  running: boolean;
  due: boolean;
  timer?: AbortController;
}

class KeyQueue {
  readonly #reconciler: Reconciler;
  readonly #context: RunnerContext;
  readonly #signal: AbortSignal;
  readonly #concurrency: number;
  readonly #resyncMs: number;
  readonly #keys = new Map<string, KeyState>();
  readonly #ready: string[] = [];
  readonly #running = new Set<Promise<void>>();
  #listing: Promise<void> | undefined;

  constructor(
    reconciler: Reconciler,
    options: ReconcilerOptions,
    context: RunnerContext,
    signal: AbortSignal,
  ) {
    this.#reconciler = reconciler;
    this.#context = context;
    this.#signal = signal;
    this.#concurrency = options.concurrency ?? DEFAULT_CONCURRENCY;
    this.#resyncMs = options.resyncMs ?? DEFAULT_RESYNC_MS;
  }

  start(): void {
    this.resync();
    void this.#resyncForever();
  }

  resync(): void {
    this.#listing ??= this.#list().finally(() => {
      this.#listing = undefined;
    });
  }

  poke(key: string): void {
    if (this.#signal.aborted) return;
    const state = this.#keys.get(key) ?? { failures: 0, poked: false, running: false, due: false };
    this.#keys.set(key, state);
    if (state.running) {
      state.poked = true;
      return;
    }
    this.#makeReady(key, state);
  }

  isQuiet(): boolean {
    const busy = [...this.#keys.values()].some((s) => s.running || s.due || s.failures > 0);
    return !busy && this.#listing === undefined;
  }

  async drained(): Promise<void> {
    await this.#listing;
    await Promise.all(this.#running);
  }

  async #resyncForever(): Promise<void> {
    while (!this.#signal.aborted) {
      const slept = await this.#context.clock.sleep(this.#resyncMs, this.#signal).then(
        () => true,
        () => false,
      );
      if (slept) this.resync();
    }
  }

  async #list(): Promise<void> {
    try {
      for (const key of await this.#reconciler.listKeys()) this.poke(key);
    } catch (error) {
      // The next resync repeats it.
      this.#context.logger.error('reconciler cannot list', {
        reconciler: this.#reconciler.name,
        error,
      });
    }
  }

  #makeReady(key: string, state: KeyState): void {
    state.timer?.abort(LOOKED_AT);
    delete state.timer;
    if (state.due) return;
    state.due = true;
    this.#ready.push(key);
    this.#pump();
  }

  #pump(): void {
    while (this.#running.size < this.#concurrency && !this.#signal.aborted) {
      const key = this.#ready.shift();
      if (key === undefined) return;
      const work = this.#run(key).finally(() => {
        this.#running.delete(work);
        this.#pump();
      });
      this.#running.add(work);
    }
  }

  async #run(key: string): Promise<void> {
    const state = this.#keys.get(key)!;
    state.due = false;
    state.running = true;
    state.poked = false;
    const afterMs = await this.#attempt(key, state);
    state.running = false;
    if (state.poked) this.#makeReady(key, state);
    else if (afterMs === undefined) this.#keys.delete(key);
    else this.#later(key, state, afterMs);
  }

  /** The time until the next look, or undefined when the key is settled. */
  async #attempt(key: string, state: KeyState): Promise<number | undefined> {
    try {
      const result = await this.#reconciler.reconcile(key, this.#signal);
      state.failures = 0;
      return result.kind === 'settled' ? undefined : result.afterMs;
    } catch (error) {
      if (this.#signal.aborted) return undefined;
      state.failures += 1;
      const afterMs = this.#backoff(state.failures);
      const fields = {
        reconciler: this.#reconciler.name,
        key,
        failures: state.failures,
        afterMs,
        error,
      };
      this.#context.logger.warn('reconciler failed', fields);
      return afterMs;
    }
  }

  #backoff(failures: number): number {
    const limit = Math.min(BACKOFF_START_MS * 2 ** (failures - 1), BACKOFF_LIMIT_MS);
    return Math.round(limit * (0.5 + this.#context.random.fraction() / 2));
  }

  #later(key: string, state: KeyState, afterMs: number): void {
    const timer = new AbortController();
    state.timer = timer;
    const signal = AbortSignal.any([timer.signal, this.#signal]);
    this.#context.clock.sleep(afterMs, signal).then(
      () => this.#makeReady(key, state),
      () => {},
    );
  }
}
