// Owns the order in which commands reach one disk. Neighbouring sectors go in one call. Reads that the kernel has at
// hand are answered at once; whatever may wait for the disk does so on another thread, a few at a time, so that a slow
// disk holds up nobody else's.
//
// Writes to the same sector go one after the other, in the order in which they came: a frame that was sent twice can
// therefore never overwrite what was written after it was answered. A write is told done when it is in the file, and, where the disk has no write cache, when it is
// on stable storage: one sync for the whole batch.

import type { AtaFault } from '@ironbark/protocol/aoe/ata.ts';
import type { DiskIo } from './disk-source.ts';
import {
  type CommandKind,
  type DiskCommand,
  joinNeighbours,
  RUN_FRAMES,
  takeWithoutOverlap,
} from './sector-runs.ts';

export interface DiskQueueOptions {
  io: DiskIo;
  done: (commands: readonly DiskCommand[], fault?: AtaFault) => void;
  /** Some commands have been told done outside of `run`. */
  settled: () => void;
}

export class DiskQueue {
  readonly #options: DiskQueueOptions;
  /** Those that are free. */
  readonly #readLanes: number[];
  readonly #writeLanes: number[];
  readonly #waiting: Record<CommandKind, DiskCommand[]> = { read: [], write: [], flush: [] };
  #batches = 0;
  /** Of all batches under way: no two of them touch the same sector. */
  readonly #writing = new Set<DiskCommand>();
  #isFlushing = false;
  /** A sync that failed is final: what it should have kept may be gone. */
  #isBroken = false;
  #pending = 0;
  #whenIdle: (() => void)[] = [];
  /** Writes are told done once they are on stable storage. */
  isWriteThrough = true;

  constructor(options: DiskQueueOptions) {
    this.#options = options;
    const lanes = Array.from({ length: options.io.lanes }, (_, lane) => lane);
    this.#readLanes = [...lanes];
    this.#writeLanes = [...lanes];
  }

  /** Commands that are not answered yet. */
  get pending(): number {
    return this.#pending;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  add(command: DiskCommand): void {
    this.#pending += 1;
    this.#waiting[command.kind].push(command);
  }

  /** Starts what can be started. */
  run(): void {
    this.#runReads();
    this.#runWrites();
    if (!this.#isFlushing && this.#waiting.flush.length > 0) void this.#runFlushes();
  }

  /** Resolves when every command has been answered. */
  async idle(): Promise<void> {
    if (this.#pending === 0) return;
    await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #runReads(): void {
    const runs = joinNeighbours(this.#waiting.read.splice(0), RUN_FRAMES);
    for (const [index, run] of runs.entries()) {
      if (this.#answerFromMemory(run)) continue;
      const lane = this.#readLanes.pop();
      if (lane === undefined) {
        this.#waiting.read.push(...runs.slice(index).flat());
        return;
      }
      this.#runRead(run, lane);
    }
  }

  #answerFromMemory(run: DiskCommand[]): boolean {
    const address = this.#options.io.addressAtHand(run);
    if (address === 0) return false;
    for (const command of run) command.dataAddress = address + command.offset - run[0]!.offset;
    this.#finish(run);
    return true;
  }

  #runRead(run: DiskCommand[], lane: number): void {
    const { io } = this.#options;
    const done = io.readAtHand(run, lane);
    const free = () => this.#readLanes.push(lane);
    if (done === run.reduce((total, { length }) => total + length, 0)) {
      free();
      this.#finish(run);
      return;
    }
    this.#later(io.read(run, lane, done), run, 'uncorrectable', free);
  }

  /** Tells the commands' end when the work has ended, and goes on with what has waited for it. */
  #later(work: Promise<void>, run: DiskCommand[], fault: AtaFault, free: () => void): void {
    const end = (failure?: AtaFault) => {
      free();
      this.#finish(run, failure);
      this.run();
      this.#options.settled();
    };
    work.then(
      () => end(),
      () => end(fault),
    );
  }

  /** Of a disk whose write cache is on, while none is under way that it would have to keep clear of. */
  #writeIntoMemory(): void {
    while (this.#waiting.write.length > 0) {
      const { taken, left } = takeWithoutOverlap(this.#waiting.write, [], RUN_FRAMES);
      const runs = joinNeighbours(taken, RUN_FRAMES);
      const firstLeft = runs.findIndex((run) => !this.#options.io.writeAtHand(run));
      const written = firstLeft < 0 ? runs : runs.slice(0, firstLeft);
      for (const run of written) this.#finish(run);
      this.#waiting.write = firstLeft < 0 ? left : [...runs.slice(firstLeft).flat(), ...left];
      if (firstLeft >= 0) return;
    }
  }

  /** Several batches are under way only where none waits for a sync: one sync is enough for all that has come. */
  #runWrites(): void {
    if (!this.isWriteThrough && !this.#isBroken && this.#batches === 0) this.#writeIntoMemory();
    const atATime = this.isWriteThrough ? 1 : this.#options.io.cachedWritesAtATime;
    while (this.#batches < atATime && this.#waiting.write.length > 0) {
      // A batch that began before the cache was switched on has all lanes; without one nothing is written.
      if (this.#writeLanes.length === 0) return;
      const busy = [...this.#writing];
      const { taken, left } = takeWithoutOverlap(this.#waiting.write, busy, RUN_FRAMES);
      if (taken.length === 0) return;
      this.#waiting.write = left;
      void this.#runBatch(taken);
    }
  }

  async #runBatch(batch: DiskCommand[]): Promise<void> {
    this.#batches += 1;
    for (const command of batch) this.#writing.add(command);
    const lanes = this.#writeLanes.splice(0, this.isWriteThrough ? this.#options.io.lanes : 1);
    const faults = await this.#writeBatch(batch, lanes);
    this.#writeLanes.push(...lanes);
    this.#batches -= 1;
    for (const command of batch) this.#writing.delete(command);
    if (faults.size === 0) this.#finish(batch);
    else for (const command of batch) this.#finish([command], faults.get(command));
    this.run();
    this.#options.settled();
  }

  async #writeBatch(
    batch: DiskCommand[],
    lanes: readonly number[],
  ): Promise<Map<DiskCommand, AtaFault>> {
    const faults = new Map<DiskCommand, AtaFault>();
    const fail = (commands: DiskCommand[]) => {
      for (const command of commands) faults.set(command, 'uncorrectable');
    };
    const runs = this.#isBroken ? [] : joinNeighbours(batch, RUN_FRAMES);
    const work = async (lane: number) => {
      for (let run = runs.pop(); run !== undefined; run = runs.pop()) {
        const ofRun = run;
        await this.#options.io.write(ofRun, lane).catch(() => fail(ofRun));
      }
    };
    await Promise.all(lanes.slice(0, runs.length).map(work));
    if (this.isWriteThrough && !this.#isBroken) await this.#sync();
    if (this.#isBroken) fail(batch);
    return faults;
  }

  async #runFlushes(): Promise<void> {
    this.#isFlushing = true;
    while (this.#waiting.flush.length > 0) {
      const flushes = this.#waiting.flush.splice(0);
      if (!this.#isBroken) await this.#sync();
      this.#finish(flushes, this.#isBroken ? 'uncorrectable' : undefined);
      this.#options.settled();
    }
    this.#isFlushing = false;
  }

  async #sync(): Promise<void> {
    try {
      await this.#options.io.persist();
    } catch {
      this.#isBroken = true;
    }
  }

  #finish(run: DiskCommand[], fault?: AtaFault): void {
    this.#pending -= run.length;
    this.#options.done(run, fault);
    if (this.#pending === 0) for (const tell of this.#whenIdle.splice(0)) tell();
  }
}
