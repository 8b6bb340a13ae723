// Owns reading and writing of many pieces of memory with one call, at a place of a file that is open: without waiting
// where the kernel has the bytes at hand, and on another thread where it may have to wait for the disk.

import { fdatasync } from 'node:fs';
import { lastErrorCode, openLibC } from './libc.ts';
import { IOVEC_BYTES, type PieceList } from './pinned-memory.ts';

/** From linux/fs.h: come back with what is at hand, or with EAGAIN. */
const RWF_NOWAIT = 0x8;

type Vector = (fd: number, pieces: number, count: number, offset: number) => number;
type VectorNow = (...args: [...Parameters<Vector>, flags: number]) => number;
type Slow = {
  async: (...args: [...Parameters<Vector>, (failure: Error | null, done: number) => void]) => void;
};

interface Calls {
  readNow: VectorNow;
  writeNow: Vector;
  read: Slow;
  write: Slow;
}

let loaded: Calls | undefined;

/** The kernel takes no more pieces in one call (UIO_MAXIOV). */
export const MAX_PIECES = 1_024;

/** Bytes that could be read at once; 0 when none. Never waits. */
export function readAtHand(fd: number, pieces: PieceList, count: number, offset: number): number {
  loaded ??= load();
  const done = loaded.readNow(fd, pieces.address, count, offset, RWF_NOWAIT);
  if (done >= 0) return done;
  const code = lastErrorCode();
  // A file system that cannot say whether it would wait is asked on another thread.
  if (code === 'EAGAIN' || code === 'ENOTSUP' || code === 'EOPNOTSUPP' || code === 'EINTR')
    return 0;
  throw Object.assign(new Error(`preadv2: ${code}`), { code });
}

/** Bytes that were written, on this thread: it waits as long as the kernel does. 0 when none could be. */
export function writeNow(fd: number, pieces: PieceList, count: number, offset: number): number {
  loaded ??= load();
  return Math.max(loaded.writeNow(fd, pieces.address, count, offset), 0);
}

/** Which pieces of a list, and where in the file they lie one after the other. */
export interface FileRun {
  first: number;
  count: number;
  offset: number;
}

/** Reads all of the pieces from `first` up to `count`. The list is used up. */
export function readPieces(fd: number, pieces: PieceList, run: FileRun): Promise<void> {
  loaded ??= load();
  return transfer(loaded.read, fd, pieces, run);
}

/** Writes all of the first `count` pieces. The list is used up. */
export function writePieces(fd: number, pieces: PieceList, run: FileRun): Promise<void> {
  loaded ??= load();
  return transfer(loaded.write, fd, pieces, run);
}

/** What was written is on stable storage. After a failure it never will be: the kernel may have dropped it. */
export function syncData(fd: number): Promise<void> {
  return new Promise((resolve, reject) => {
    fdatasync(fd, (error) => (error === null ? resolve() : reject(error)));
  });
}

async function transfer(call: Slow, fd: number, pieces: PieceList, run: FileRun): Promise<void> {
  let { first, offset } = run;
  while (first < run.count) {
    const at = pieces.address + first * IOVEC_BYTES;
    const done = await start(call, fd, at, run.count - first, offset);
    // A read ends early where the file does; nobody asks for more than it has.
    if (done <= 0) throw new Error('the file gives or takes no more bytes');
    first = pieces.advance(first, run.count, done);
    offset += done;
  }
}

/** Koffi refuses more than 256 at a time. */
const MAX_CALLS = 200;
let underWay = 0;
const waiting: (() => void)[] = [];

async function start(call: Slow, ...args: Parameters<Vector>): Promise<number> {
  if (underWay === MAX_CALLS) await new Promise<void>((resolve) => waiting.push(resolve));
  else underWay += 1;
  try {
    return await new Promise((resolve, reject) => {
      call.async(...args, (failure, done) => (failure === null ? resolve(done) : reject(failure)));
    });
  } finally {
    const next = waiting.shift();
    if (next === undefined) underWay -= 1;
    else next();
  }
}

function load(): Calls {
  const { library } = openLibC();
  const place = 'int fd, uintptr_t pieces, int count, int64_t offset';
  return {
    readNow: library.func(`long preadv2(${place}, int flags)`) as unknown as VectorNow,
    read: library.func(`long preadv(${place})`) as unknown as Slow,
    write: library.func(`long pwritev(${place})`) as unknown as Slow,
    writeNow: library.func(`long pwritev(${place})`) as unknown as Vector,
  };
}
