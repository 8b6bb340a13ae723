// Owns the handle of a writer's process: what it says goes into the promises of its stores as it comes.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { killedAtCall } from '../../support/crash-points/traced.ts';
import type { Promises, WriterLine } from './promises.ts';
import type { WorkloadName } from './workloads.ts';
import type { WriterOrders } from './writer.ts';

/** To open and check a store takes a second or two on a busy host. */
const FOUND_TIMEOUT_MS = 60_000;

export interface WriterProcessOptions {
  workloads: readonly WorkloadName[];
  /** Where compiled modules are kept. */
  cache: string;
  /** Killed in place of the nth of these system calls of one of its threads. */
  killedAt?: { calls: string; nth: number };
}

/** A writer has ended by itself, with what it said on its standard error. */
export class WriterFailedError extends Error {}

export class WriterProcess {
  readonly #child: ChildProcess;
  readonly #found = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended: Promise<void>;
  readonly #workloads: readonly WorkloadName[];
  #errors = '';
  #isKilled = false;
  #points: number | undefined;

  /** Loads the workloads' modules and waits. */
  constructor({ workloads, cache, killedAt }: WriterProcessOptions) {
    this.#workloads = workloads;
    const script = join(import.meta.dirname, 'writer.ts');
    const command = [process.execPath, script, ...workloads];
    const [file, ...args] = killedAt === undefined ? command : killedAtCall(command, killedAt);
    this.#child = spawn(file!, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: cache },
    });
    this.#child.stdin!.on('error', () => {});
    this.#child.stderr!.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString();
    });
    this.#failed.promise.catch(() => {});
    this.#found.promise.catch(() => {});
    this.#ended = this.#watch();
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** How many crash points it passed, when it came to its end without meeting its own. */
  get points(): number | undefined {
    return this.#points;
  }

  begin(orders: WriterOrders, promises: ReadonlyMap<string, Promises>): void {
    const unread = new Set<string>(this.#workloads);
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (text) => {
      const line = JSON.parse(text) as WriterLine;
      if (line.say === 'ended') this.#points = line.points;
      else promises.get(line.store)!.take(line);
      if (line.say === 'found') unread.delete(line.store);
      if (unread.size === 0) this.#found.resolve();
    });
    this.#child.stdin!.end(JSON.stringify(orders));
  }

  /** It has said what it found in each store, and the promises have been compared with that. */
  async whenFound(): Promise<void> {
    const timer = setTimeout(
      () => this.#found.reject(new WriterFailedError(`nothing found in ${FOUND_TIMEOUT_MS} ms`)),
      FOUND_TIMEOUT_MS,
    );
    try {
      await Promise.race([this.#found.promise, this.whenFailed()]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Rejects when it ends by itself, which no writer does. */
  whenFailed(): Promise<never> {
    return this.#failed.promise;
  }

  /** It has come to its end, or has met its crash point; throws when it failed, or took longer. */
  async whenDone(timeoutMs: number): Promise<void> {
    const late = new WriterFailedError(`neither crashed nor done in ${timeoutMs} ms`);
    const timer = setTimeout(() => this.#failed.reject(late), timeoutMs);
    try {
      await Promise.race([this.whenFailed(), this.#ended]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** It is gone, and all that it said has been read. */
  async whenEnded(): Promise<void> {
    this.#isKilled = true;
    await this.#ended;
  }

  async kill(): Promise<void> {
    this.#isKilled = true;
    this.#child.kill('SIGKILL');
    await this.#ended;
  }

  async #watch(): Promise<void> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, string | null];
    if (signal === 'SIGKILL' || code === 0 || this.#isKilled) return;
    const how = `the writer of ${this.#workloads.join(', ')} ended with ${code ?? signal}:\n${this.#errors}`;
    this.#failed.reject(new WriterFailedError(how));
    // Whoever waits for the end hears of the failure instead.
    await new Promise(setImmediate);
  }
}
