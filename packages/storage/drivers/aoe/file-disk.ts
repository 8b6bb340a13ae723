// Owns a disk that is a file: frames are read into and written from where they lie, many with one call.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { MappedFile } from '@ironbark/platform/mapped-file.ts';
import { allocatePinned, IOVEC_BYTES, PieceList } from '@ironbark/platform/pinned-memory.ts';
import {
  readAtHand,
  readPieces,
  syncData,
  writeNow,
  writePieces,
} from '@ironbark/platform/vector-file.ts';
import type { DiskIo, DiskSource, Run } from './disk-source.ts';
import { FRAME_BYTES, type FrameSlots } from './frame-slots.ts';
import { RUN_FRAMES } from './sector-runs.ts';

/** Calls that wait for one disk at a time, of each kind. */
const LANES = 4;
/** A write into memory that takes longer has waited for the disk; for so long others are left to other threads. */
const WAITED_MS = 2;
const REST_MS = 1_000;

/** The file is opened once; whatever happens to its name later, this disk stays this disk. */
export async function openFileDisk(path: string, isReadOnly: boolean): Promise<DiskSource> {
  const access = isReadOnly ? constants.O_RDONLY : constants.O_RDWR;
  const file = await open(path, access | constants.O_NOFOLLOW);
  const mapped = await mapOwn(file);
  return {
    sizeBytes: () => fileSize(file, path),
    onResize: () => {},
    isAway: false,
    io: (slots) => new FileIo(file.fd, slots, mapped),
    cutOff: () => {},
    close: async () => {
      mapped?.close();
      await file.close();
    },
  };
}

/** What it grows by later is read as from a file that is not mapped. */
async function mapOwn(file: FileHandle): Promise<MappedFile | undefined> {
  const facts = await file.stat();
  const isOwn = facts.isFile() && facts.uid === process.geteuid?.();
  return isOwn ? MappedFile.open(file.fd, facts.size, RUN_FRAMES * FRAME_BYTES) : undefined;
}

async function fileSize(file: FileHandle, path: string): Promise<number> {
  const facts = await file.stat();
  if (facts.isFile()) return facts.size;
  const message = `${path} is no regular file.`;
  throw new ServiceError({ kind: 'malformed-input', resource: 'volume', message });
}

class FileIo implements DiskIo {
  readonly lanes = LANES;
  /** A file takes one writer at a time; what comes meanwhile goes with the next call. */
  readonly cachedWritesAtATime = 1;
  readonly #fd: number;
  readonly #slots: FrameSlots;
  readonly #reads = makeLists();
  readonly #writes = makeLists();

  readonly #atHandWrites = makeLists(1)[0]!;
  readonly #mapped: MappedFile | undefined;
  #restsUntilMs = 0;

  constructor(fd: number, slots: FrameSlots, mapped: MappedFile | undefined) {
    this.#fd = fd;
    this.#slots = slots;
    this.#mapped = mapped;
  }

  addressAtHand(run: Run): number {
    if (this.#mapped === undefined) return 0;
    const { offset } = run[0]!;
    const last = run.at(-1)!;
    return this.#mapped.addressAtHand(offset, last.offset + last.length - offset);
  }

  readAtHand(run: Run, lane: number): number {
    const list = this.#reads[lane]!;
    this.#lay(run, list);
    try {
      return readAtHand(this.#fd, list, run.length, run[0]!.offset);
    } catch {
      // The other thread will meet the same error and tell it.
      return 0;
    }
  }

  read(run: Run, lane: number, doneBytes: number): Promise<void> {
    const list = this.#reads[lane]!;
    const first = list.advance(0, run.length, doneBytes);
    const rest = { first, count: run.length, offset: run[0]!.offset + doneBytes };
    return readPieces(this.#fd, list, rest);
  }

  /**
   * Only where every page is in memory, so that none has to be read first. The kernel may still hold a writer up, when
   * too much waits to be written back: then the next ones go to other threads, so that it happens once and not always.
   */
  writeAtHand(run: Run): boolean {
    const startedMs = systemClock.monotonicMs();
    if (startedMs < this.#restsUntilMs || this.addressAtHand(run) === 0) return false;
    const list = this.#atHandWrites;
    this.#lay(run, list);
    const done = writeNow(this.#fd, list, run.length, run[0]!.offset);
    const endedMs = systemClock.monotonicMs();
    if (endedMs - startedMs > WAITED_MS) this.#restsUntilMs = endedMs + REST_MS;
    return done === run.reduce((total, { length }) => total + length, 0);
  }

  write(run: Run, lane: number): Promise<void> {
    const list = this.#writes[lane]!;
    this.#lay(run, list);
    return writePieces(this.#fd, list, { first: 0, count: run.length, offset: run[0]!.offset });
  }

  persist(): Promise<void> {
    return syncData(this.#fd);
  }

  #lay(run: Run, list: PieceList): void {
    for (const [index, { slot, length }] of run.entries()) {
      list.set(index, this.#slots.dataAddress(slot), length);
    }
  }
}

function makeLists(count = LANES): PieceList[] {
  const bytesEach = RUN_FRAMES * IOVEC_BYTES;
  const memory = allocatePinned(count * bytesEach);
  return Array.from({ length: count }, (_, index) => {
    const at = index * bytesEach;
    return new PieceList({
      address: memory.address + at,
      bytes: memory.bytes.subarray(at, at + bytesEach),
    });
  });
}
