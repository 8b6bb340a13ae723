// Owns the image cache: blobs of the object store, fetched once, verified while they stream, unpacked, and evicted
// when they have not been used for the longest.

import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, readdir, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { GIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { ensureDirectory, makeFile, removeFile, statIfPresent } from '@ironbark/platform/files.ts';
import { createUnpacker } from '@ironbark/platform/unpacking.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import { readDiskSpace, withSpace } from './disk-space.ts';
import {
  damagedImage,
  LIST_SUFFIX,
  SparseSink,
  saveDataChunks,
  UNFINISHED_LIST,
} from './sparse-image.ts';

export interface ImageCacheOptions {
  dataDir: string;
  objects: Pick<ObjectsClient, 'getObject'>;
  clock: Clock;
  /** The most that cached images occupy on disk. */
  limitBytes?: number;
}

/** A dozen distribution images. */
const DEFAULT_LIMIT_BYTES = 32 * GIB;
const PARTIAL = '.partial';

export class ImageCache {
  readonly #options: ImageCacheOptions;
  readonly #directory: string;
  readonly #fetching = new Map<string, Promise<string>>();
  readonly #inUse = new Map<string, number>();

  private constructor(options: ImageCacheOptions) {
    this.#options = options;
    this.#directory = join(options.dataDir, 'images');
  }

  /** Removes what an earlier process left half fetched. */
  static async open(options: ImageCacheOptions): Promise<ImageCache> {
    const cache = new ImageCache(options);
    await ensureDirectory(cache.#directory);
    const names = new Set(await readdir(cache.#directory));
    for (const name of names) {
      const isOrphan = name.endsWith(LIST_SUFFIX) && !names.has(name.slice(0, -LIST_SUFFIX.length));
      const isUnfinished = name.endsWith(PARTIAL) || name.endsWith(UNFINISHED_LIST);
      if (isUnfinished || isOrphan) await removeFile(join(cache.#directory, name));
    }
    return cache;
  }

  async has(blob: ImageBlob): Promise<boolean> {
    const facts = await statIfPresent(this.#pathOf(blob));
    return facts?.size === blob.unpackedBytes;
  }

  /** Calls `use` with the path of the unpacked bytes, fetched when needed; they stay while it runs. */
  async with<T>(blob: ImageBlob, use: (path: string) => Promise<T>): Promise<T> {
    const name = nameOf(blob);
    this.#inUse.set(name, (this.#inUse.get(name) ?? 0) + 1);
    try {
      const path = await this.ensure(blob);
      return await use(path);
    } finally {
      this.#inUse.set(name, (this.#inUse.get(name) ?? 1) - 1);
    }
  }

  /** Makes the blob present; several callers at once share one fetch. */
  async ensure(blob: ImageBlob): Promise<string> {
    const path = this.#pathOf(blob);
    if (await this.has(blob)) {
      const now = this.#options.clock.nowMs() / 1000;
      await utimes(path, now, now);
      return path;
    }
    const known = this.#fetching.get(path);
    if (known !== undefined) return known;
    const fetching = this.#fetch(blob, path).finally(() => this.#fetching.delete(path));
    this.#fetching.set(path, fetching);
    return fetching;
  }

  #pathOf(blob: ImageBlob): string {
    return join(this.#directory, nameOf(blob));
  }

  async #fetch(blob: ImageBlob, path: string): Promise<string> {
    checkBlob(blob);
    await this.#makeRoom(blob.unpackedBytes);
    const needed = { bytes: blob.unpackedBytes, what: 'the image' };
    await withSpace(this.#directory, needed, () => this.#store(blob, path));
    return path;
  }

  async #store(blob: ImageBlob, path: string): Promise<void> {
    const fill = async (handle: FileHandle) =>
      saveDataChunks(path, await this.#download(blob, handle));
    try {
      await makeFile(path, fill, { mode: 0o444, suffix: PARTIAL });
    } catch (error) {
      await removeFile(`${path}${LIST_SUFFIX}`);
      throw error;
    }
  }

  /** Answers the chunks that hold data. */
  async #download(blob: ImageBlob, handle: FileHandle): Promise<number[]> {
    const { body } = await this.#options.objects.getObject({ bucket: blob.bucket, key: blob.key });
    const stored = new DigestCheck(blob);
    const sink = new SparseSink(handle, blob.unpackedBytes);
    if (blob.encoding === 'zstd') {
      await pipeline(body, stored, createUnpacker(), sink).catch(explainUnpacking);
    } else await pipeline(body, stored, sink);
    return sink.dataChunks;
  }

  /** Evicts the images that were not used for the longest until the new one fits. */
  async #makeRoom(neededBytes: number): Promise<void> {
    const limit = this.#options.limitBytes ?? DEFAULT_LIMIT_BYTES;
    const entries = await this.#listEntries();
    let used = entries.reduce((sum, entry) => sum + entry.bytes, 0);
    let { freeBytes } = await readDiskSpace(this.#directory);
    for (const entry of entries) {
      if (used + neededBytes <= limit && freeBytes >= neededBytes) return;
      if ((this.#inUse.get(entry.name) ?? 0) > 0) continue;
      await removeFile(join(this.#directory, entry.name));
      await removeFile(join(this.#directory, `${entry.name}${LIST_SUFFIX}`));
      used -= entry.bytes;
      freeBytes += entry.bytes;
    }
  }

  /** Least recently used first. */
  async #listEntries(): Promise<{ name: string; bytes: number; usedAtMs: number }[]> {
    const entries: { name: string; bytes: number; usedAtMs: number }[] = [];
    for (const name of await readdir(this.#directory)) {
      if (name.endsWith(PARTIAL) || name.endsWith(LIST_SUFFIX)) continue;
      const facts = await statIfPresent(join(this.#directory, name));
      if (facts === undefined) continue;
      entries.push({ name, bytes: facts.blocks * 512, usedAtMs: facts.mtimeMs });
    }
    return entries.sort((a, b) => a.usedAtMs - b.usedAtMs);
  }
}

/** The digest is that of the stored bytes, so the same bytes unpacked and not are two files. */
function nameOf(blob: ImageBlob): string {
  return blob.encoding === 'raw' ? blob.sha256 : `${blob.sha256}.${blob.encoding}`;
}

/** The digest becomes a file's name, so its form is checked before anything else. */
function checkBlob(blob: ImageBlob): void {
  const isRawOfOneSize = blob.encoding !== 'raw' || blob.sizeBytes === blob.unpackedBytes;
  if (/^[0-9a-f]{64}$/.test(blob.sha256) && isRawOfOneSize) return;
  throw damagedImage('its manifest contradicts itself');
}

function explainUnpacking(error: unknown): never {
  const isZstd = error instanceof Error && 'code' in error && /ZSTD/.test(String(error.code));
  throw isZstd ? damagedImage('its bytes cannot be unpacked', error) : error;
}

/** Passes the stored bytes on and fails at their end, or as soon as there are too many. */
class DigestCheck extends Transform {
  readonly #blob: ImageBlob;
  readonly #hash: Hash = createHash('sha256');
  #size = 0;

  constructor(blob: ImageBlob) {
    super();
    this.#blob = blob;
  }

  override _transform(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#size += chunk.length;
    if (this.#size > this.#blob.sizeBytes) {
      done(damagedImage('it is longer than its manifest says'));
      return;
    }
    this.#hash.update(chunk);
    this.push(chunk);
    done();
  }

  override _flush(done: (error?: Error) => void): void {
    const isWhole = this.#size === this.#blob.sizeBytes;
    const isRight = this.#hash.digest('hex') === this.#blob.sha256;
    done(isWhole && isRight ? undefined : damagedImage('its bytes do not match its digest'));
  }
}
