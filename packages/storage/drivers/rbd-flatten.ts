// Owns giving clones what they lack of the image that they were cloned from, a few at a time. Whoever has the image open
// does it, or the program itself; one that is cut short is gone on with by beginning again.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { AttachedProcess } from '@ironbark/platform/commands.ts';
import type { CloneFacts } from '@ironbark/protocol/internal/staged-backend.ts';
import type { RbdCommand } from './rbd-command.ts';

interface Flattening {
  state: 'waiting' | 'running' | 'failed';
  percent: number;
  process?: AttachedProcess;
  failedAtMs?: number;
}

/** Leaves a cluster room for its guests. */
const AT_A_TIME = 2;
/** How long a failure is shown before it may be tried again. */
const FAILED_FOR_MS = 10_000;
const PROGRESS = /(\d{1,3})% complete/g;

export class RbdFlattenings implements AsyncDisposable {
  readonly #rbd: RbdCommand;
  readonly #clock: Clock;
  readonly #all = new Map<VolumeId, Flattening>();

  constructor(rbd: RbdCommand, clock: Clock) {
    this.#rbd = rbd;
    this.#clock = clock;
  }

  /** Undefined when nothing is under way. */
  find(id: VolumeId): CloneFacts | undefined {
    const found = this.#all.get(id);
    if (found === undefined || this.#mayTryAgain(found)) return undefined;
    return { state: found.state === 'failed' ? 'failed' : 'running', percent: found.percent };
  }

  begin(id: VolumeId): void {
    const found = this.#all.get(id);
    if (found !== undefined && !this.#mayTryAgain(found)) return;
    this.#all.set(id, { state: 'waiting', percent: 0 });
    this.#startNext();
  }

  /** Ends it where it is. */
  async end(id: VolumeId): Promise<void> {
    const found = this.#all.get(id);
    this.#all.delete(id);
    found?.process?.kill('SIGKILL');
    await found?.process?.ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#all.keys()].map((id) => this.end(id)));
  }

  #mayTryAgain({ failedAtMs }: Flattening): boolean {
    return failedAtMs !== undefined && this.#clock.monotonicMs() - failedAtMs > FAILED_FOR_MS;
  }

  #startNext(): void {
    const all = [...this.#all];
    const next = all.find(([, { state }]) => state === 'waiting');
    const running = all.filter(([, { state }]) => state === 'running').length;
    if (next !== undefined && running < AT_A_TIME) void this.#run(...next);
  }

  async #run(id: VolumeId, flattening: Flattening): Promise<void> {
    flattening.state = 'running';
    const isDone = await this.#flatten(id, flattening).catch(() => false);
    if (this.#all.get(id) === flattening) {
      if (isDone) this.#all.delete(id);
      else {
        flattening.state = 'failed';
        flattening.failedAtMs = this.#clock.monotonicMs();
      }
    }
    this.#startNext();
  }

  async #flatten(id: VolumeId, flattening: Flattening): Promise<boolean> {
    const process = await this.#rbd.start(['flatten', this.#rbd.imageSpec(id)]);
    flattening.process = process;
    // It was ended before it had begun.
    if (this.#all.get(id) !== flattening) process.kill('SIGKILL');
    process.stdout.resume();
    for await (const piece of process.stderr) {
      flattening.percent = readPercent(String(piece)) ?? flattening.percent;
    }
    return (await process.ended) === 0;
  }
}

/** The last of what a program that shows its progress has said. */
export function readPercent(text: string): number | undefined {
  const last = [...text.matchAll(PROGRESS)].at(-1);
  return last === undefined ? undefined : Math.min(Number(last[1]), 100);
}
