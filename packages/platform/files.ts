// Owns how bytes reach stable storage. Node's own write calls come back short on a full disk and a later
// fsync still succeeds, so everything that must be kept goes through here.

import { constants } from 'node:fs';
import {
  type FileHandle,
  link,
  mkdir,
  open,
  readFile,
  rename,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';

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

/** Makes a directory's entries durable: new names, renames and removals in it. */
export async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

export interface ReplaceFileOptions {
  mode?: number;
}

/**
 * Replaces a file as a whole: after a power cut it holds the old bytes or the new ones. On an error the old
 * file is untouched and nothing is left beside it.
 */
export async function replaceFile(
  path: string,
  contents: string | Uint8Array,
  options: ReplaceFileOptions = {},
): Promise<void> {
  const temporary = `${path}.new`;
  const bytes = typeof contents === 'string' ? Buffer.from(contents) : contents;
  try {
    const handle = await open(temporary, 'w', options.mode ?? 0o600);
    try {
      await writeFully(handle, bytes);
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

/** Undefined when there is no such file. */
export async function readFileIfPresent(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Removes a file; one that does not exist is fine. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}

/** Makes a directory and its parents, each durable in its parent. */
export async function ensureDirectory(path: string, mode = 0o700): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode });
  if (first === undefined) return;
  let current = path;
  while (current.length >= first.length) {
    await syncDirectory(dirname(current));
    current = join(current, '..');
  }
}

export function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
