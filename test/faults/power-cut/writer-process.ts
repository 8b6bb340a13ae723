// Owns the handle of a writer's process: what it says goes into the promises as it comes.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Promises, WriterLine } from './promises.ts';
import type { WorkloadName } from './workloads.ts';
import type { WriterOrders } from './writer.ts';

/** To open and check a store takes a second or two on a busy host. */
const FOUND_TIMEOUT_MS = 60_000;

export interface WriterProcessOptions {
  workload: WorkloadName;
  /** Where compiled modules are kept. */
  cache: string;
  /** Killed in place of this sync of one of its threads, so that what it has written is only in the page cache. */
  killedAtSync?: number;
}

/**
 * -D: the process is ours and strace is its grandchild, so that signals and the pid mean the process. -b: programs
 * that it starts are left alone.
 */
function killedAt(sync: number): string[] {
  const calls = 'fsync,fdatasync';
  const inject = `inject=${calls}:error=EIO:signal=KILL:when=${sync}`;
  return [
    'strace',
    '-D',
    '-f',
    '-b',
    'execve',
    '-qqq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${calls}`,
    '-e',
    inject,
  ];
}

/** A writer has ended by itself, with what it said on its standard error. */
export class WriterFailedError extends Error {}

export class WriterProcess {
  readonly #child: ChildProcess;
  readonly #found = Promise.withResolvers<void>();
  readonly #failed = Promise.withResolvers<never>();
  readonly #ended: Promise<void>;
  #errors = '';
  #isKilled = false;

  /** Loads the workload's modules and waits. */
  constructor({ workload, cache, killedAtSync }: WriterProcessOptions) {
    const script = join(import.meta.dirname, 'writer.ts');
    const command = [process.execPath, script, workload];
    const [file, ...args] =
      killedAtSync === undefined ? command : killedAt(killedAtSync).concat(command);
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
    this.#ended = this.#watch(workload);
  }

  get pid(): number {
    return this.#child.pid!;
  }

  begin(orders: WriterOrders, promises: Promises): void {
    const lines = createInterface({ input: this.#child.stdout! });
    lines.on('line', (text) => {
      const line = JSON.parse(text) as WriterLine;
      promises.take(line);
      if (line.say === 'found') this.#found.resolve();
    });
    this.#child.stdin!.end(JSON.stringify(orders));
  }

  /** It has said what it found, and the promises have been compared with that. */
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

  async #watch(workload: WorkloadName): Promise<void> {
    const [code, signal] = (await once(this.#child, 'close')) as [number | null, string | null];
    if (signal === 'SIGKILL' || this.#isKilled) return;
    const how = `the writer of ${workload} ended with ${code ?? signal}:\n${this.#errors}`;
    this.#failed.reject(new WriterFailedError(how));
  }
}
