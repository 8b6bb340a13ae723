// Owns the order in which commands reach one disk. Neighbouring sectors go in one call. Reads that the kernel has at
// hand are answered at once; whatever may wait for the disk does so on another thread, a few at a time, so that a slow
// disk holds up nobody else's.
//
// Writes to the same sector go one after the other, in the order in which they came: a frame that was sent twice can
// therefore never overwrite what was written after it was answered. A write is told done when it is in the file, and, where the disk has no write cache, when it is
// on stable storage: one sync for the whole batch.

import { allocatePinned, IOVEC_BYTES, PieceList } from '@ironbark/platform/pinned-memory.ts';
import { readAtHand, readPieces, syncData, writePieces } from '@ironbark/platform/vector-file.ts';
import type { AtaFault } from '@ironbark/protocol/aoe/ata.ts';
import type { FrameSlots } from './frame-slots.ts';
import {
  type CommandKind,
  type DiskCommand,
  joinNeighbours,
  takeWithoutOverlap,
} from './sector-runs.ts';

/** Frames of one call. */
const RUN_FRAMES = 64;
/** Calls that wait for one disk at a time, of each kind. */
const CALLS_AT_A_TIME = 4;

export interface DiskQueueOptions {
  fd: number;
  slots: FrameSlots;
  done: (command: DiskCommand, fault?: AtaFault) => void;
  /** Some commands have been told done outside of `run`. */
  settled: () => void;
}

export class DiskQueue {
  readonly #options: DiskQueueOptions;
  readonly #readLists = makeLists();
  readonly #writeLists = makeLists();
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
      const list = this.#readLists.pop();
      if (list === undefined) {
        this.#waiting.read.push(...runs.slice(index).flat());
        return;
      }
      this.#runRead(run, list);
    }
  }

  #runRead(run: DiskCommand[], list: PieceList): void {
    const { fd } = this.#options;
    const { offset } = run[0]!;
    const total = this.#lay(run, list);
    const done = this.#tryRead(list, run);
    if (done === total) {
      this.#readLists.push(list);
      this.#finish(run);
      return;
    }
    const first = list.advance(0, run.length, done);
    const rest = { first, count: run.length, offset: offset + done };
    this.#later(readPieces(fd, list, rest), run, 'uncorrectable', () => this.#readLists.push(list));
  }

  #tryRead(list: PieceList, run: DiskCommand[]): number {
    try {
      return readAtHand(this.#options.fd, list, run.length, run[0]!.offset);
    } catch {
      // The other thread will meet the same error and tell it.
      return 0;
    }
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

  /** Several batches are under way only where none waits for a sync: one sync is enough for all that has come. */
  #runWrites(): void {
    const atATime = this.isWriteThrough ? 1 : CALLS_AT_A_TIME;
    while (this.#batches < atATime && this.#waiting.write.length > 0) {
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
    const lists = this.#writeLists.splice(0, this.isWriteThrough ? CALLS_AT_A_TIME : 1);
    const faults = await this.#writeBatch(batch, lists);
    this.#writeLists.push(...lists);
    this.#batches -= 1;
    for (const command of batch) {
      this.#writing.delete(command);
      this.#finish([command], faults.get(command));
    }
    this.run();
    this.#options.settled();
  }

  async #writeBatch(
    batch: DiskCommand[],
    lists: readonly PieceList[],
  ): Promise<Map<DiskCommand, AtaFault>> {
    const faults = new Map<DiskCommand, AtaFault>();
    const fail = (commands: DiskCommand[]) => {
      for (const command of commands) faults.set(command, 'uncorrectable');
    };
    const runs = this.#isBroken ? [] : joinNeighbours(batch, RUN_FRAMES);
    const work = async (list: PieceList) => {
      for (let run = runs.pop(); run !== undefined; run = runs.pop()) {
        const ofRun = run;
        await this.#writeRun(ofRun, list).catch(() => fail(ofRun));
      }
    };
    await Promise.all(lists.slice(0, runs.length).map(work));
    if (this.isWriteThrough && !this.#isBroken) await this.#sync();
    if (this.#isBroken) fail(batch);
    return faults;
  }

  #writeRun(run: DiskCommand[], list: PieceList): Promise<void> {
    const { offset } = run[0]!;
    this.#lay(run, list);
    return writePieces(this.#options.fd, list, { first: 0, count: run.length, offset });
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
      await syncData(this.#options.fd);
    } catch {
      this.#isBroken = true;
    }
  }

  #lay(run: DiskCommand[], list: PieceList): number {
    let total = 0;
    for (const [index, { slot, length }] of run.entries()) {
      list.set(index, this.#options.slots.dataAddress(slot), length);
      total += length;
    }
    return total;
  }

  #finish(run: DiskCommand[], fault?: AtaFault): void {
    this.#pending -= run.length;
    for (const command of run) this.#options.done(command, fault);
    if (this.#pending === 0) for (const tell of this.#whenIdle.splice(0)) tell();
  }
}

function makeLists(): PieceList[] {
  const bytesEach = RUN_FRAMES * IOVEC_BYTES;
  const memory = allocatePinned(CALLS_AT_A_TIME * bytesEach);
  return Array.from({ length: CALLS_AT_A_TIME }, (_, index) => {
    const at = index * bytesEach;
    return new PieceList({
      address: memory.address + at,
      bytes: memory.bytes.subarray(at, at + bytesEach),
    });
  });
}
