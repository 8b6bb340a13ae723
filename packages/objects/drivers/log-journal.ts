// Owns the files of the log to which blobs are added together with the journal of the state store: what the store is to
// keep of a group of transactions stands behind the bytes that they brought, and one sync makes all of it last.
//
//   stage ... stage --> write: blobs, then the entry --> a start that finds the entry has the blobs, too

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Journal, JournalSource } from '@ironbark/platform/database/journal.ts';
import { ensureDirectory, syncFile } from '@ironbark/platform/files.ts';
import type { WriteGuard } from '@ironbark/platform/write-guard.ts';
import { encodeCrcs } from './block-crcs.ts';
import { isDiskFull, outOfSpace, requireSpace } from './disk-space.ts';
import type { LogFile } from './log-file.ts';
import { listLogFiles, logFileName } from './log-files.ts';
import { crcOf, RECORD_HEADER_BYTES, renderEntryHeader, renderHeader } from './log-record.ts';
import { scanRecords } from './log-scan.ts';
import { type LoggedBlob, MAX_LOGGED_BYTES, SMALL } from './logged-blob.ts';

export interface LogJournalOptions {
  folder: string;
  fileBytes: number;
  guard: WriteGuard;
  newFile: () => LogFile;
  /** Keeps the file; what it answers lets go of it. */
  pin: (file: number) => () => void;
  /** Bytes that stand in a file from now on. */
  onAdded: (file: number, from: number, bytes: number) => void;
  onFull: () => void;
}

export class LogJournal implements Journal, AsyncDisposable {
  readonly #options: LogJournalOptions;
  #file: LogFile | undefined;
  /** Headers and bytes, in order. */
  #staged: Uint8Array[] = [];
  #stagedBytes = 0;
  #writing: Promise<void> | undefined;

  constructor(options: LogJournalOptions) {
    this.#options = options;
  }

  /** Goes with the next entry. On stable storage when that is; it has its place already. */
  stage(id: string, bytes: Uint8Array): LoggedBlob {
    const { folder, guard, pin } = this.#options;
    guard.requireHealth();
    if (bytes.length > MAX_LOGGED_BYTES) throw new Error(`blob ${id} is too large for the log`);
    this.#requireSpace(folder, bytes.length);
    const header = renderHeader(id, bytes);
    const file = this.#openFile();
    const at = file.endBytes + this.#stagedBytes;
    this.#staged.push(header, bytes);
    this.#stagedBytes += header.length + bytes.length;
    return {
      ...{ id, sizeBytes: bytes.length, blockCrcs: encodeCrcs([crcOf(header)]) },
      place: { file: file.number, offset: at + RECORD_HEADER_BYTES },
      [Symbol.dispose]: pin(file.number),
    };
  }

  #requireSpace(folder: string, bytes: number): void {
    try {
      requireSpace(folder, this.#stagedBytes + bytes);
    } catch (error) {
      const isLarge = (this.#file?.endBytes ?? 0) > this.#options.fileBytes * SMALL;
      // So that what is deleted of it can be given back.
      if (isLarge && this.#staged.length === 0) void this.#giveUpFile();
      throw error;
    }
  }

  #openFile(): LogFile {
    this.#file ??= this.#options.newFile();
    return this.#file;
  }

  /** Of the next entry, or of the blobs before it. */
  place(): string {
    const { number, endBytes } = this.#openFile();
    return `${number}:${endBytes}`;
  }

  write(entry: Uint8Array): Promise<void> {
    this.#writing = this.#write(entry);
    return this.#writing;
  }

  async #write(entry: Uint8Array): Promise<void> {
    const { guard, fileBytes, onAdded, onFull } = this.#options;
    guard.requireHealth();
    const file = this.#openFile();
    const bytes = Buffer.concat([...this.#staged, renderEntryHeader(entry), entry]);
    const records = this.#staged.length / 2 + 1;
    this.drop();
    const from = file.endBytes;
    try {
      await file.add(bytes, records);
    } catch (error) {
      await this.#giveUpFile();
      throw isDiskFull(error) ? outOfSpace(error) : error;
    }
    onAdded(file.number, from, bytes.length);
    if (!file.isFull(fileBytes)) return;
    await this.#giveUpFile();
    onFull();
  }

  drop(): void {
    this.#staged = [];
    this.#stagedBytes = 0;
  }

  isAddingTo(number: number): boolean {
    return this.#file?.number === number;
  }

  async #giveUpFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.giveUp();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing?.catch(() => {});
    await this.#giveUpFile();
  }
}

/** What processes before have written into the folder. */
export function journalIn(folder: string): JournalSource {
  return {
    end: async () => {
      await ensureDirectory(folder);
      return `${Math.max(0, ...(await listLogFiles(folder))) + 1}:0`;
    },
    read: async function* (place) {
      // A cloud that was restored may have none yet.
      await ensureDirectory(folder);
      const [first, offset] = place.split(':').map(Number) as [number, number];
      for (const number of await listLogFiles(folder)) {
        if (number < first) continue;
        yield* readEntries(join(folder, logFileName(number)), number === first ? offset : 0);
      }
    },
  };
}

/** Up to the first one of which something is missing: its sync has not ended, and nothing was written behind it. */
async function* readEntries(path: string, from: number): AsyncGenerator<Uint8Array> {
  // A process may have ended before its sync; what is read of it would be lost with the power.
  await syncFile(path);
  await using handle = await open(path, 'r');
  for await (const record of scanRecords(handle, from)) {
    if (!record.isWhole) return;
    if (record.isEntry) yield record.bytes;
  }
}
