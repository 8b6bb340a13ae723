// Owns where a file has nothing: the holes of a sparse one, and what of a preallocated one was claimed and never written.
// Both read as zeros. What is in the page cache and not on the disk yet counts as written.

import { open } from 'node:fs/promises';
import { hasCode } from './files.ts';
import { check, lastErrorCode, openLibC } from './libc.ts';

export interface Hole {
  /** In bytes, as the length. */
  offset: number;
  length: number;
}

/** A file in more pieces is looked at no further: the rest counts as written. A look takes a few microseconds. */
const MAX_HOLES = 10_000;

// From linux/fs.h.
const SEEK_DATA = 3;
const SEEK_HOLE = 4;

type Seek = (fd: number, offset: number, whence: number) => number;
let seek: Seek | undefined;

/** In order; none where the file system cannot tell. */
export async function listHoles(path: string): Promise<{ sizeBytes: number; holes: Hole[] }> {
  await using file = await open(path, 'r');
  const { size: sizeBytes } = await file.stat();
  const holes: Hole[] = [];
  for (let offset = 0; offset < sizeBytes && holes.length < MAX_HOLES; ) {
    const data = findData(file.fd, offset, sizeBytes);
    if (data > offset) holes.push({ offset, length: data - offset });
    offset = data === sizeBytes ? sizeBytes : find(file.fd, data, SEEK_HOLE);
  }
  return { sizeBytes, holes };
}

/** All within a part of an open file, in order. */
export function holesWithin(fd: number, { offset, length }: Hole): Hole[] {
  const end = offset + length;
  const holes: Hole[] = [];
  for (let at = find(fd, offset, SEEK_HOLE); at < end; ) {
    const data = Math.min(findData(fd, at, end), end);
    // A place where the file system cannot tell is no hole.
    if (data === at) break;
    holes.push({ offset: at, length: data - at });
    at = data === end ? end : find(fd, data, SEEK_HOLE);
  }
  return holes;
}

/** The end of the file when there is no more; the very place where the file system cannot tell. */
function findData(fd: number, offset: number, sizeBytes: number): number {
  try {
    return find(fd, offset, SEEK_DATA);
  } catch (error) {
    if (hasCode(error, 'ENXIO')) return sizeBytes;
    throw error;
  }
}

function find(fd: number, offset: number, whence: number): number {
  seek ??= openLibC().library.func('int64_t lseek(int fd, int64_t offset, int whence)') as Seek;
  const found = seek(fd, offset, whence);
  if (found < 0 && lastErrorCode() === 'EINVAL') return whence === SEEK_DATA ? offset : Infinity;
  check(found, 'lseek');
  return found;
}
