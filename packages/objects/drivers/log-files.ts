// Owns the files of the log of small blobs: their names, and how many of them are open for reading.

import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';

const NAME = /^(\d{8})\.log$/;
/** Enough that most reads find their file open; far below what a process may have. */
const MAX_OPEN_FILES = 64;

export function logFileName(number: number): string {
  return `${String(number).padStart(8, '0')}.log`;
}

/** Oldest first. */
export async function listLogFiles(folder: string): Promise<number[]> {
  const names = await readdir(folder);
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export interface Reader extends Disposable {
  readonly handle: FileHandle;
}

interface OpenFile {
  opening: Promise<FileHandle>;
  /** Once it is open. */
  handle?: FileHandle;
  users: number;
}

/** Files that are open for reading; those that nobody reads are closed when there are too many. */
export class LogReaders implements AsyncDisposable {
  readonly #folder: string;
  /** The one that was asked for last is the last. */
  readonly #files = new Map<number, OpenFile>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async acquire(number: number): Promise<Reader> {
    const opening = () => open(join(this.#folder, logFileName(number)), 'r');
    const file = this.#files.get(number) ?? { opening: opening(), users: 0 };
    this.#files.delete(number);
    this.#files.set(number, file);
    file.users += 1;
    try {
      const handle = await file.opening;
      file.handle = handle;
      return { handle, [Symbol.dispose]: () => this.#release(file) };
    } catch (error) {
      if (this.#files.get(number) === file) this.#files.delete(number);
      throw error;
    }
  }

  /** Of a file that is open already, to be used before anybody else's turn. */
  findOpen(number: number): number | undefined {
    return this.#files.get(number)?.handle?.fd;
  }

  /** Nobody reads it any more. */
  async close(number: number): Promise<void> {
    const file = this.#files.get(number);
    this.#files.delete(number);
    await (await file?.opening)?.close();
  }

  #release(file: OpenFile): void {
    file.users -= 1;
    if (this.#files.size <= MAX_OPEN_FILES) return;
    for (const [number, { users }] of this.#files) {
      if (users > 0) continue;
      void this.close(number);
      return;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const number of [...this.#files.keys()]) await this.close(number);
  }
}
