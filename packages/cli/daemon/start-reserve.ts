// Owns room that a start on a full disk can use: a file that is given up when there is none, and made again later.
// A daemon that was killed leaves files that the next one has to make anew, such as SQLite's shared memory.

import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { exists, hasCode, removeFile, writeUnsynced } from '@ironbark/platform/files.ts';

/** Four databases' shared memory, the log of a start and its small files are under 1 MiB. */
const RESERVE_BYTES = 4 * MIB;
/** Less than this is of no use to keep. */
const LEAST_BYTES = 512 * KIB;
/** Left to whoever else writes on the disk. */
const LEFT_BYTES = 256 * KIB;

/** Gives the room up when a start would have none. */
export async function useStartReserve(path: string): Promise<void> {
  if ((await readFreeBytes(path)) < RESERVE_BYTES) await removeFile(path);
}

/** Keeps the room again, or as much as there is; a disk that has none is no error. */
export async function keepStartReserve(path: string): Promise<void> {
  if (await exists(path)) return;
  const bytes = Math.min(RESERVE_BYTES, (await readFreeBytes(path)) - LEFT_BYTES);
  if (bytes < LEAST_BYTES) return;
  try {
    await writeUnsynced(path, Buffer.alloc(bytes));
  } catch (error) {
    // What was written of it would only take the last room from others.
    await removeFile(path);
    if (!hasCode(error, 'ENOSPC') && !hasCode(error, 'EDQUOT')) throw error;
  }
}

async function readFreeBytes(path: string): Promise<number> {
  const { bavail, bsize } = await statfs(dirname(path));
  return bavail * bsize;
}
