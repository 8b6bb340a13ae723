// Owns the log of small blobs: files that are only added to. Blobs that wait go to the disk together, with one sync.
//
//   append ... append --> one write, one sync --> each is told its place; the store keeps places, the log none
//
// A file that is full, or that a write has failed in, is never added to again, and neither is one of a process before.
// Files go as a whole, when what is wanted of them stands elsewhere (reconcilers/log-compaction.ts).

import { readSync } from 'node:fs';
import { join } from 'node:path';
import { MIB } from '@ironbark/core/units.ts';
import {
  ensureDirectory,
  hasCode,
  removeFile,
  statIfPresent,
  syncDirectory,
} from '@ironbark/platform/files.ts';
import { WriteGuard } from '@ironbark/platform/write-guard.ts';
import type { OpenBlob, StoredBlob } from './blob-store.ts';
import { DamagedBlobError, decodeCrcs, encodeCrcs } from './block-crcs.ts';
import { isDiskFull, keepWith, outOfSpace, requireSpace, type SpaceOptions } from './disk-space.ts';
import { LogFile } from './log-file.ts';
import { LogReaders, listLogFiles, logFileName } from './log-files.ts';
import { LogJournal } from './log-journal.ts';
import { crcOf, isWhole, parseRecord, RECORD_HEADER_BYTES, renderHeader } from './log-record.ts';
import { type FoundRecord, readPiece, scanRecords } from './log-scan.ts';
import { type LoggedBlob, type LogPlace, MAX_LOGGED_BYTES, SMALL } from './logged-blob.ts';
import { WarmChunks } from './warm-chunks.ts';

export interface BlobLogOptions {
  folder: string;
  /** Numbers up to this one were given before, whether their files are there or not. */
  lastKnown: number;
  /** A file that has grown to this is followed by another. */
  fileBytes?: number;
  /** A file has just become one that is not added to any more. */
  onFull?: () => void;
}

const FILE_BYTES = 32 * MIB;
const MAX_BATCH_BYTES = 4 * MIB;

interface Waiting {
  id: string;
  header: Buffer;
  bytes: Uint8Array;
  usesReserve: boolean;
  done: PromiseWithResolvers<LoggedBlob>;
}

export async function openBlobLog(options: BlobLogOptions): Promise<BlobLog> {
  await ensureDirectory(options.folder);
  const files = await listLogFiles(options.folder);
  return new BlobLog(options, Math.max(options.lastKnown, ...files));
}

export class BlobLog implements AsyncDisposable {
  /** What a file grows to. */
  readonly fileBytes: number;
  /** Adds blobs together with what the state store has to keep of them, to files of its own. */
  readonly journal: LogJournal;
  readonly #folder: string;
  readonly #onFull: () => void;
  readonly #guard: WriteGuard;
  readonly #readers: LogReaders;
  readonly #warm = new WarmChunks();
  /** Blobs of each file that nothing may refer to yet. */
  readonly #pins = new Map<number, number>();
  #lastNumber: number;
  #file: LogFile | undefined;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;

  constructor(options: BlobLogOptions, lastNumber: number) {
    this.#folder = options.folder;
    this.fileBytes = options.fileBytes ?? FILE_BYTES;
    this.#onFull = options.onFull ?? (() => {});
    this.#guard = new WriteGuard(options.folder);
    this.#readers = new LogReaders(options.folder);
    this.#lastNumber = lastNumber;
    this.journal = new LogJournal({
      folder: options.folder,
      fileBytes: this.fileBytes,
      guard: this.#guard,
      newFile: () => this.#newFile(),
      pin: (number) => this.#pin(number),
      onAdded: (file, from, bytes) => this.#warm.add(file, from, bytes),
      onFull: this.#onFull,
    });
  }

  /** Why nothing is written or removed until the next start, for people; undefined while all is well. */
  get failure(): string | undefined {
    return this.#guard.failure;
  }

  /** Resolves when the bytes are on stable storage. */
  async append(
    id: string,
    bytes: Uint8Array,
    { usesReserve = false }: SpaceOptions = {},
  ): Promise<LoggedBlob> {
    this.#guard.requireHealth();
    if (bytes.length > MAX_LOGGED_BYTES) throw new Error(`blob ${id} is too large for the log`);
    const done = Promise.withResolvers<LoggedBlob>();
    this.#waiting.push({ id, header: renderHeader(id, bytes), bytes, usesReserve, done });
    this.#start();
    return await done.promise;
  }

  #start(): void {
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async #writeAll(): Promise<void> {
    // Those that come at the same moment go together.
    await undefined;
    while (this.#waiting.length > 0) {
      const batch = this.#takeBatch();
      try {
        const placed = await this.#write(batch);
        for (const [at, { done }] of batch.entries()) done.resolve(placed[at]!);
      } catch (error) {
        const reason = isDiskFull(error) ? outOfSpace(error) : error;
        for (const { done } of batch) done.reject(reason);
      }
    }
  }

  /** The first one and others of its kind: who may use the reserve goes on where the rest are refused. */
  #takeBatch(): Waiting[] {
    const { usesReserve } = this.#waiting[0]!;
    let bytes = 0;
    const batch = this.#waiting.filter((each) => {
      if (each.usesReserve !== usesReserve || bytes > MAX_BATCH_BYTES) return false;
      bytes += each.bytes.length + RECORD_HEADER_BYTES;
      return bytes <= MAX_BATCH_BYTES;
    });
    const taken = new Set(batch);
    this.#waiting = this.#waiting.filter((each) => !taken.has(each));
    return batch;
  }

  async #write(batch: readonly Waiting[]): Promise<LoggedBlob[]> {
    this.#guard.requireHealth();
    const bytes = Buffer.concat(batch.flatMap((each) => [each.header, each.bytes]));
    const { usesReserve } = batch[0]!;
    try {
      requireSpace(this.#folder, bytes.length, { usesReserve });
    } catch (error) {
      // So that what is deleted of it can be given back.
      if ((this.#file?.endBytes ?? 0) > this.fileBytes * SMALL) await this.#giveUpFile();
      throw error;
    }
    try {
      return await this.#add(batch, bytes);
    } catch (error) {
      await this.#giveUpFile();
      throw error;
    }
  }

  async #add(batch: readonly Waiting[], bytes: Uint8Array): Promise<LoggedBlob[]> {
    this.#file ??= this.#newFile();
    const file = this.#file;
    const from = file.endBytes;
    await file.add(bytes, batch.length);
    this.#warm.add(file.number, from, bytes.length);
    const placed = this.#place(file.number, from, batch);
    if (file.isFull(this.fileBytes)) {
      await this.#giveUpFile();
      this.#onFull();
    }
    return placed;
  }

  #newFile(): LogFile {
    this.#lastNumber += 1;
    return new LogFile(this.#folder, this.#lastNumber, this.#guard);
  }

  #place(file: number, from: number, batch: readonly Waiting[]): LoggedBlob[] {
    let end = from;
    return batch.map(({ id, header, bytes }) => {
      const place = { file, offset: end + RECORD_HEADER_BYTES };
      end += RECORD_HEADER_BYTES + bytes.length;
      const blockCrcs = encodeCrcs([crcOf(header)]);
      const pin = this.#pin(file);
      return { id, sizeBytes: bytes.length, blockCrcs, place, [Symbol.dispose]: pin };
    });
  }

  #pin(number: number): () => void {
    this.#pins.set(number, (this.#pins.get(number) ?? 0) + 1);
    let isPinned = true;
    return () => {
      if (!isPinned) return;
      isPinned = false;
      const left = this.#pins.get(number)! - 1;
      if (left === 0) this.#pins.delete(number);
      else this.#pins.set(number, left);
    };
  }

  async #giveUpFile(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.giveUp();
  }

  /** Reads and checks it whole. Throws when it is missing or damaged. */
  async open(blob: StoredBlob & { place: LogPlace }): Promise<OpenBlob> {
    const bytes = await this.read(blob);
    return {
      read: async function* (start, end) {
        yield bytes.subarray(start, end + 1);
      },
      [Symbol.asyncDispose]: async () => {},
    };
  }

  /** All bytes, checked. Throws when they are missing or damaged. */
  async read(blob: StoredBlob & { place: LogPlace }): Promise<Buffer> {
    const { id, sizeBytes, blockCrcs, place } = blob;
    if (sizeBytes > MAX_LOGGED_BYTES) throw new DamagedBlobError(id, `has ${sizeBytes} bytes`);
    const from = place.offset - RECORD_HEADER_BYTES;
    const length = RECORD_HEADER_BYTES + sizeBytes;
    const found =
      this.#readWarm(place.file, from, length) ?? (await this.#readCold(place.file, from, length));
    const record = parseRecord(found, 0);
    if (record?.id !== id || record.bytes.length !== sizeBytes) {
      throw new DamagedBlobError(id, `is not at ${place.offset} of ${logFileName(place.file)}`);
    }
    if (!isWhole(record) || decodeCrcs(blockCrcs)[0] !== record.crc) {
      throw new DamagedBlobError(id, 'its bytes');
    }
    return record.bytes;
  }

  #readWarm(file: number, from: number, length: number): Buffer | undefined {
    const fd = this.#readers.findOpen(file);
    if (fd === undefined || !this.#warm.has(file, from, length)) return undefined;
    const found = Buffer.allocUnsafe(length);
    return readSync(fd, found, 0, length, from) === length ? found : undefined;
  }

  async #readCold(file: number, from: number, length: number): Promise<Buffer> {
    using reader = await this.#readers.acquire(file);
    const found = await readPiece(reader.handle, from, length);
    this.#warm.add(file, from, length);
    return found;
  }

  /** Something may still come to refer to it. */
  isInUse(number: number): boolean {
    return (
      this.#file?.number === number || this.journal.isAddingTo(number) || this.#pins.has(number)
    );
  }

  /** Files that are not added to any more. */
  async listFull(): Promise<{ file: number; sizeBytes: number }[]> {
    const files = (await listLogFiles(this.#folder)).filter((file) => !this.isInUse(file));
    return await Promise.all(
      files.map(async (file) => {
        const stats = await statIfPresent(join(this.#folder, logFileName(file)));
        return { file, sizeBytes: stats?.size ?? 0 };
      }),
    );
  }

  /** Every record in order, up to the first place where none stands. None where there is no such file. */
  async *scan(number: number): AsyncGenerator<FoundRecord> {
    if (!(await listLogFiles(this.#folder)).includes(number)) return;
    using reader = await this.#readers.acquire(number);
    yield* scanRecords(reader.handle);
  }

  /** One that does not exist is fine. */
  async remove(number: number): Promise<void> {
    this.#guard.requireHealth();
    await this.#readers.close(number).catch(ignoreMissing);
    await removeFile(join(this.#folder, logFileName(number)));
    await keepWith(this.#guard, () => syncDirectory(this.#folder));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.journal[Symbol.asyncDispose]();
    await this.#giveUpFile();
    await this.#readers[Symbol.asyncDispose]();
  }
}

function ignoreMissing(error: unknown): void {
  if (!hasCode(error, 'ENOENT')) throw error;
}
