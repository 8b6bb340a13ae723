// Owns how bytes reach stable storage. Node's own write calls come back short on a full disk and a later
// fsync still succeeds, so everything that must be kept goes through here.

import { constants, type Stats, writeSync } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname } from 'node:path';

/** Writes all of `bytes`, or throws. `position` absent: at the handle's own position. */
export async function writeFully(
  handle: FileHandle,
  bytes: Uint8Array,
  position?: number,
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const at = position === undefined ? null : position + done;
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, at);
    if (bytesWritten === 0) throw new Error('write: the file takes no more bytes');
    done += bytesWritten;
  }
}

/**
 * Writes all of `bytes` at the handle's own position, or at the given one, durably. When it fails the file is not to be
 * added to again.
 */
export async function appendDurably(
  handle: FileHandle,
  bytes: Uint8Array,
  position?: number,
): Promise<void> {
  if (bytes.length <= MAX_BYTES_AT_ONCE) writeAtOnce(handle.fd, bytes, position ?? null);
  else await writeFully(handle, bytes, position);
  await handle.datasync();
}

/** Up to here handing bytes to a thread costs more than copying them into the host's memory. */
const MAX_BYTES_AT_ONCE = 256 * 1024;

function writeAtOnce(fd: number, bytes: Uint8Array, position: number | null): void {
  let done = 0;
  while (done < bytes.length) {
    const at = position === null ? null : position + done;
    const written = writeSync(fd, bytes, done, bytes.length - done, at);
    if (written === 0) throw new Error('write: the file takes no more bytes');
    done += written;
  }
}

/** All that was written before is durable before these bytes are, and they are when it resolves. One failure is final. */
export async function writeAfterAll(
  handle: FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  await handle.datasync();
  await writeFully(handle, bytes, position);
  await handle.datasync();
}

/** Makes a directory's entries durable: new names, renames and removals in it. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const UNFINISHED = '.new';

export interface MakeFileOptions {
  mode?: number;
  /** What its name ends with until it is whole; whoever sweeps after a crash looks for it. Default: `.new`. */
  suffix?: string;
}

/**
 * Makes a file, or replaces one as a whole: it has its name once every byte that `fill` wrote is on stable storage.
 * On an error the old file is untouched and nothing is left beside it. A sync that fails is such an error and is
 * never tried again on the same file: the kernel may have dropped the bytes, and the second time it says nothing.
 */
export async function makeFile(
  path: string,
  fill: (handle: FileHandle, temporary: string) => Promise<void>,
  options: MakeFileOptions = {},
): Promise<void> {
  const temporary = `${path}${options.suffix ?? UNFINISHED}`;
  await removeFile(temporary);
  try {
    // A link that somebody has put there would not be followed.
    const handle = await open(temporary, 'wx+', options.mode ?? 0o600);
    try {
      await fill(handle, temporary);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await removeFile(temporary);
    throw error;
  }
  await syncDirectory(dirname(path));
}

/** As `makeFile`, for contents at hand. */
export async function replaceFile(
  path: string,
  contents: string | Uint8Array,
  options: MakeFileOptions = {},
): Promise<void> {
  const bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
  await makeFile(path, (handle) => writeFully(handle, bytes), options);
}

/** Removes what a process that died in `makeFile` has left of it. For a start, when nobody else makes the file. */
export async function removeUnfinished(path: string): Promise<void> {
  await removeFile(`${path}${UNFINISHED}`);
}

/** Makes durable what another program has written into a file. When it fails the file is not to be used. */
export async function syncFile(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Renames; a power cut does not take the new name back. The contents have to be durable already. */
export async function renameDurably(from: string, to: string): Promise<void> {
  await rename(from, to);
  await syncDirectory(dirname(to));
  if (dirname(from) !== dirname(to)) await syncDirectory(dirname(from));
}

/** Creates a file as a whole. False, and nothing is changed, when there is one: of several that try, one succeeds. */
export async function createFile(path: string, contents: string): Promise<boolean> {
  const temporary = `${path}.${process.pid}.new`;
  try {
    await replaceFile(temporary, contents);
    await link(temporary, path);
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  } finally {
    await removeFile(temporary);
  }
  await syncDirectory(dirname(path));
  return true;
}

export interface UnsyncedOptions {
  mode?: number;
  /** Adds to the end instead of replacing. */
  append?: boolean;
}

/** For what may be lost at a power cut, since it can be made again: build trees, pid files, settings in /proc. */
export async function writeUnsynced(
  path: string,
  contents: string | Uint8Array,
  options: UnsyncedOptions = {},
): Promise<void> {
  const flag = options.append === true ? 'a' : 'w';
  await writeFile(path, contents, { flag, mode: options.mode ?? 0o666 });
}

/** As `writeUnsynced`, into the blocks that an earlier file of the name has: a full disk does not prevent it. */
export async function overwriteUnsynced(path: string, contents: string): Promise<void> {
  const handle = await open(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  try {
    const bytes = Buffer.from(contents);
    await writeFully(handle, bytes, 0);
    await handle.truncate(bytes.length);
  } finally {
    await handle.close();
  }
}

/** Undefined when there is no such file. */
export async function readFileIfPresent(path: string): Promise<Buffer | undefined> {
  return await unlessAbsent(readFile(path));
}

/** Undefined when nothing has this path; what a symbolic link leads to counts. */
export async function statIfPresent(path: string): Promise<Stats | undefined> {
  return await unlessAbsent(stat(path));
}

export async function exists(path: string): Promise<boolean> {
  return (await statIfPresent(path)) !== undefined;
}

/** Names in a directory; none when there is no such directory. */
export async function listIfPresent(directory: string): Promise<string[]> {
  return (await unlessAbsent(readdir(directory))) ?? [];
}

async function unlessAbsent<T>(looking: Promise<T>): Promise<T | undefined> {
  try {
    return await looking;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * As `readFileIfPresent`, for what a program goes on from. A process that ended between a rename and its sync leaves
 * a file that can be read and that a power cut takes back; when this resolves, what was read stays.
 */
export async function readKeptFile(path: string): Promise<Buffer | undefined> {
  const bytes = await readFileIfPresent(path);
  try {
    await syncDirectory(dirname(path));
  } catch (error) {
    if (bytes !== undefined || !hasCode(error, 'ENOENT')) throw error;
  }
  return bytes;
}

/** Removes a file; one that does not exist is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Makes a directory and its parents, each durable in its parent, also when a process before made it and died. */
export async function ensureDirectory(path: string, mode = 0o700): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  let current = path;
  do {
    await syncDirectory(dirname(current));
    current = dirname(current);
  } while (first !== undefined && current.length >= first.length);
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
