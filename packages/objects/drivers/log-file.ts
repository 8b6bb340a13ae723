// Owns adding to a file of the log: zeros ahead of its end, bytes in their place, and one sync.

import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import { appendDurably, syncDirectory, writeFully } from '@ironbark/platform/files.ts';
import type { WriteGuard } from '@ironbark/platform/write-guard.ts';
import { keepWith } from './disk-space.ts';
import { logFileName } from './log-files.ts';

/** Zeros written ahead: a sync of bytes in place of them leaves the file system's journal alone. */
const PREPARED_BYTES = MIB;
/** So that who looks at a whole file has a list of bounded length. */
const MAX_RECORDS = 50_000;

/** One that is added to. */
export class LogFile {
  readonly number: number;
  endBytes = 0;
  records = 0;
  readonly #folder: string;
  readonly #guard: WriteGuard;
  #handle: FileHandle | undefined;
  #preparedBytes = 0;
  /** Its name is on stable storage. */
  #isNamed = false;

  /** Made with the first bytes. */
  constructor(folder: string, number: number, guard: WriteGuard) {
    this.#folder = folder;
    this.number = number;
    this.#guard = guard;
  }

  isFull(maxBytes: number): boolean {
    return this.endBytes >= maxBytes || this.records >= MAX_RECORDS;
  }

  /** Resolves when they are on stable storage. After a failure nothing may be added any more. */
  async add(bytes: Uint8Array, records: number): Promise<void> {
    this.#handle ??= await open(join(this.#folder, logFileName(this.number)), 'wx', 0o600);
    const handle = this.#handle;
    await this.#prepare(handle, this.endBytes + bytes.length);
    await keepWith(this.#guard, () => appendDurably(handle, bytes, this.endBytes));
    if (!this.#isNamed) await keepWith(this.#guard, () => syncDirectory(this.#folder));
    this.#isNamed = true;
    this.endBytes += bytes.length;
    this.records += records;
  }

  /** Zeros up to there and some more. What a record says of its length can then not be cut by the file's end. */
  async #prepare(handle: FileHandle, endBytes: number): Promise<void> {
    if (endBytes <= this.#preparedBytes) return;
    const from = Math.max(this.#preparedBytes, this.endBytes);
    const until = endBytes + PREPARED_BYTES;
    await writeFully(handle, Buffer.alloc(until - from), from);
    this.#preparedBytes = until;
  }

  /** What was prepared and not used is given back; that it was is not worth an error. */
  async giveUp(): Promise<void> {
    await this.#handle?.truncate(this.endBytes).catch(() => {});
    await this.#handle?.close().catch(() => {});
  }
}
