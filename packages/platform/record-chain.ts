// Owns an append-only chain of records on disk: JSON lines, each with a hash over itself and the hash before it, so
// that a line that was changed or taken out is found. Lines that wait go to the disk together, with one sync.
//
//   NAME-000001.jsonl   a start line, then records; the next segment's start line carries the chain over
//   NAME.head.json      how far the chain is known to reach; what is missing before that was taken away

import { type FileHandle, open } from 'node:fs/promises';
import type { Clock } from './clock.ts';
import {
  appendDurably,
  ensureDirectory,
  readFileIfPresent,
  removeFile,
  replaceFile,
  syncDirectory,
  syncFile,
} from './files.ts';
import type { Logger } from './logger.ts';
import {
  FIRST_HASH,
  findLastLine,
  headPath,
  listSegments,
  renderLine,
  SEGMENT_START,
  type SegmentStart,
  segmentPath,
} from './record-lines.ts';

export interface RecordChainOptions {
  directory: string;
  /** Part of the files' names: lower-case letters. */
  name: string;
  clock: Clock;
  logger: Logger;
  /** A segment that has grown past this is followed by another. */
  maxSegmentBytes?: number;
  /** The oldest segment goes when there are more. */
  maxSegments?: number;
}

/** With lines of some 500 bytes 32 segments hold about half a million records in 256 MiB. */
const MAX_SEGMENT_BYTES = 8 * 1024 * 1024;
const MAX_SEGMENTS = 32;
/** Records that nobody waits for reach the disk after this long, or earlier with one that somebody waits for. */
const LAZY_MS = 1_000;
/** More waiting lines than this are written without waiting for that. */
const MAX_LAZY_LINES = 4_096;
/** The head is a lower bound; it costs two syncs. */
const HEAD_PERIOD_MS = 10_000;

interface Waiting {
  record: object;
  done: () => void;
}

export class RecordChain implements AsyncDisposable {
  readonly #options: Required<RecordChainOptions>;
  #segment: number;
  #sequence: number;
  #hash: string;
  #handle: FileHandle | undefined;
  #size = 0;
  /** The newest segment ends in a line that was cut short, so another one has to begin. */
  #isTorn: boolean;
  /** Records that could not be written since the last that could. */
  #lost = 0;
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #lazy: AbortController | undefined;
  #headWrittenMs = Number.NEGATIVE_INFINITY;

  private constructor(options: Required<RecordChainOptions>, end: ChainEnd) {
    this.#options = options;
    this.#segment = end.segment;
    this.#sequence = end.sequence;
    this.#hash = end.hash;
    this.#isTorn = end.isTorn;
    this.#size = end.size;
  }

  static async open(options: RecordChainOptions): Promise<RecordChain> {
    const limits = { maxSegmentBytes: MAX_SEGMENT_BYTES, maxSegments: MAX_SEGMENTS };
    await ensureDirectory(options.directory);
    return new RecordChain({ ...limits, ...options }, await findEnd(options));
  }

  /** Reaches the disk soon; a crash or power cut before that loses it. */
  append(record: object): void {
    this.#waiting.push({ record, done: () => {} });
    if (this.#waiting.length >= MAX_LAZY_LINES) this.#start();
    else this.#startLater();
  }

  /** Resolves when the record is on stable storage, or when it is certain that it cannot be: see `lost`. */
  appendDurably(record: object): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ record, done: resolve });
    this.#start();
    return promise;
  }

  /** Everything that was appended is on stable storage when this resolves. */
  async flush(): Promise<void> {
    while (this.#waiting.length > 0 || this.#writing !== undefined) {
      this.#start();
      await this.#writing;
    }
  }

  #startLater(): void {
    if (this.#lazy !== undefined || this.#writing !== undefined) return;
    this.#lazy = new AbortController();
    this.#options.clock.sleep(LAZY_MS, this.#lazy.signal).then(
      () => this.#start(),
      () => {},
    );
  }

  #start(): void {
    this.#lazy?.abort();
    this.#lazy = undefined;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
      // Some may have come while the head was written.
      if (this.#waiting.length > 0) this.#start();
    });
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0);
      try {
        await this.#write(batch.map(({ record }) => record));
        this.#lost = 0;
      } catch (error) {
        this.#lost += batch.length;
        this.#isTorn = true;
        const { name, logger } = this.#options;
        logger.error('records could not be written', { chain: name, lost: this.#lost, error });
        await this.#close();
      }
      for (const { done } of batch) done();
    }
    await this.#writeHead(HEAD_PERIOD_MS);
  }

  /** Nothing of the chain's state moves on unless all lines are on stable storage. */
  async #write(records: readonly object[]): Promise<void> {
    const { maxSegmentBytes } = this.#options;
    const isNew = this.#isTorn || this.#segment === 0 || this.#size > maxSegmentBytes;
    const start = isNew ? [this.#describeStart()] : [];
    let sequence = this.#sequence;
    let hash = this.#hash;
    const lines: string[] = [];
    for (const record of [...start, ...records]) {
      const rendered = renderLine({ sequence: sequence + 1, ...record }, hash);
      lines.push(rendered.line);
      sequence += 1;
      hash = rendered.hash;
    }
    const bytes = Buffer.from(lines.join(''));
    if (isNew) await this.#beginSegment(bytes);
    else await this.#appendBytes(bytes);
    this.#size += bytes.length;
    this.#sequence = sequence;
    this.#hash = hash;
    if (isNew) await this.#dropOldest();
  }

  #describeStart(): Record<typeof SEGMENT_START, SegmentStart> {
    const { name, maxSegments } = this.#options;
    const segment = this.#segment + 1;
    return {
      [SEGMENT_START]: {
        chain: name,
        segment,
        previous: this.#hash,
        oldest: Math.max(1, segment - maxSegments + 1),
        isAfterTornLine: this.#isTorn && this.#segment > 0,
        recordsLost: this.#lost,
      },
    };
  }

  async #beginSegment(bytes: Buffer): Promise<void> {
    await this.#close();
    const { directory } = this.#options;
    // The number is used up even when this fails: a file that a failed sync left behind is never added to.
    this.#segment += 1;
    this.#size = 0;
    this.#isTorn = true;
    this.#handle = await open(this.#path(), 'wx', 0o600);
    await appendDurably(this.#handle, bytes);
    await syncDirectory(directory);
    this.#isTorn = false;
  }

  async #appendBytes(bytes: Buffer): Promise<void> {
    this.#handle ??= await open(this.#path(), 'a', 0o600);
    await appendDurably(this.#handle, bytes);
  }

  async #dropOldest(): Promise<void> {
    const { directory, name, maxSegments } = this.#options;
    for (const segment of await listSegments(directory, name)) {
      if (segment > this.#segment - maxSegments) return;
      await removeFile(segmentPath(directory, name, segment));
    }
  }

  async #writeHead(periodMs: number): Promise<void> {
    const { directory, name, clock, logger } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#headWrittenMs < periodMs) return;
    this.#headWrittenMs = nowMs;
    const head = { sequence: this.#sequence, hash: this.#hash };
    await replaceFile(headPath(directory, name), `${JSON.stringify(head)}\n`).catch(
      (error: unknown) => logger.warn('a chain’s head could not be written', { name, error }),
    );
  }

  #path(): string {
    return segmentPath(this.#options.directory, this.#options.name, this.#segment);
  }

  async #close(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    await handle?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.flush();
    if (this.#sequence > 0) await this.#writeHead(0);
    await this.#close();
  }
}

interface ChainEnd {
  segment: number;
  sequence: number;
  hash: string;
  isTorn: boolean;
  size: number;
}

/** Where the chain goes on: after the last line that is whole, which is in the newest segment that has one. */
async function findEnd({ directory, name }: RecordChainOptions): Promise<ChainEnd> {
  const segments = await listSegments(directory, name);
  const newest = segments.at(-1) ?? 0;
  const none = { segment: newest, sequence: 0, hash: FIRST_HASH, isTorn: newest > 0, size: 0 };
  for (const segment of segments.toReversed()) {
    const bytes = await readFileIfPresent(segmentPath(directory, name, segment));
    const last = findLastLine(bytes ?? Buffer.alloc(0));
    if (last === undefined) continue;
    // A process that was killed may have left it in the kernel's memory alone, and what follows builds on it.
    await syncFile(segmentPath(directory, name, segment));
    await syncDirectory(directory);
    const { sequence, hash, endsAt } = last;
    const size = bytes?.length ?? 0;
    const isTorn = segment !== newest || endsAt !== size;
    return { segment: newest, sequence, hash, isTorn, size };
  }
  return none;
}
