// Owns a disk that is a file: frames are read into and written from where they lie, many with one call.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MappedFile } from '@ironbark/platform/mapped-file.ts';
import { allocatePinned, IOVEC_BYTES, PieceList } from '@ironbark/platform/pinned-memory.ts';
import { readAtHand, readPieces, syncData, writePieces } from '@ironbark/platform/vector-file.ts';
import type { DiskIo, DiskSource, Run } from './disk-source.ts';
import { FRAME_BYTES, type FrameSlots } from './frame-slots.ts';
import { RUN_FRAMES } from './sector-runs.ts';

/** Calls that wait for one disk at a time, of each kind. */
const LANES = 4;

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

  readonly #mapped: MappedFile | undefined;

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

function makeLists(): PieceList[] {
  const bytesEach = RUN_FRAMES * IOVEC_BYTES;
  const memory = allocatePinned(LANES * bytesEach);
  return Array.from({ length: LANES }, (_, index) => {
    const at = index * bytesEach;
    return new PieceList({
      address: memory.address + at,
      bytes: memory.bytes.subarray(at, at + bytesEach),
    });
  });
}
