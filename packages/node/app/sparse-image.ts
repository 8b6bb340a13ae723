// Owns images as sparse files: written with holes for zeros, beside each a list of the chunks that hold data, so
// that nobody reads a gigabyte of zeros to copy the few megabytes that are there.

import type { FileHandle } from 'node:fs/promises';
import { Writable } from 'node:stream';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { readFileIfPresent, replaceFile, writeFully } from '@ironbark/platform/files.ts';

/** Zeros of this length, aligned, become holes. */
const CHUNK_BYTES = 1 * MIB;
const LIST_FORMAT = 'ironbark-data-chunks/1';
export const LIST_SUFFIX = '.chunks';
/** As replaceFile names it. */
export const UNFINISHED_LIST = `${LIST_SUFFIX}.new`;

interface ChunkList {
  format: typeof LIST_FORMAT;
  chunks: number[];
}

/** On stable storage before the image has its name: a list that is there is true. */
export async function saveDataChunks(imagePath: string, chunks: number[]): Promise<void> {
  const list: ChunkList = { format: LIST_FORMAT, chunks };
  await replaceFile(`${imagePath}${LIST_SUFFIX}`, JSON.stringify(list));
}

/** Undefined when nobody wrote it down: then any chunk may hold data. */
async function findDataChunks(imagePath: string): Promise<number[] | undefined> {
  const bytes = await readFileIfPresent(`${imagePath}${LIST_SUFFIX}`);
  if (bytes === undefined) return undefined;
  const list = JSON.parse(bytes.toString()) as ChunkList;
  return list.format === LIST_FORMAT ? list.chunks : undefined;
}

/** Copies an image into a file of zeros that is at least as large. */
export async function copyImageData(
  imagePath: string,
  source: FileHandle,
  target: FileHandle,
): Promise<void> {
  const { size } = await source.stat();
  const all = Math.ceil(size / CHUNK_BYTES);
  const chunks = (await findDataChunks(imagePath)) ?? Array.from({ length: all }, (_, i) => i);
  const buffer = Buffer.alloc(CHUNK_BYTES);
  for (const chunk of chunks) {
    const position = chunk * CHUNK_BYTES;
    const { bytesRead } = await source.read(buffer, 0, CHUNK_BYTES, position);
    const bytes = buffer.subarray(0, bytesRead);
    if (!isZero(bytes)) await writeFully(target, bytes, position);
  }
}

export function damagedImage(why: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'digest-mismatch',
    resource: 'image',
    message: `The image is damaged: ${why}. Register it again from its source.`,
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Writes a file of exactly `sizeBytes`, leaving holes for chunks of zeros. */
export class SparseSink extends Writable {
  readonly #handle: FileHandle;
  readonly #sizeBytes: number;
  readonly #chunk = Buffer.alloc(CHUNK_BYTES);
  #filled = 0;
  #position = 0;
  /** Numbers of the chunks that hold data, in order. */
  readonly dataChunks: number[] = [];

  constructor(handle: FileHandle, sizeBytes: number) {
    super({ highWaterMark: CHUNK_BYTES });
    this.#handle = handle;
    this.#sizeBytes = sizeBytes;
  }

  #wrongSize(what: 'more' | 'less'): Error {
    return damagedImage(`it unpacks to ${what} than its manifest says`);
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#take(bytes).then(() => done(), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#finish().then(() => done(), done);
  }

  async #take(bytes: Buffer): Promise<void> {
    if (this.#position + this.#filled + bytes.length > this.#sizeBytes) {
      throw this.#wrongSize('more');
    }
    for (let at = 0; at < bytes.length; ) {
      const copied = bytes.copy(this.#chunk, this.#filled, at);
      at += copied;
      this.#filled += copied;
      if (this.#filled === CHUNK_BYTES) await this.#writeChunk();
    }
  }

  async #writeChunk(): Promise<void> {
    const bytes = this.#chunk.subarray(0, this.#filled);
    if (!isZero(bytes)) {
      await writeFully(this.#handle, bytes, this.#position);
      this.dataChunks.push(this.#position / CHUNK_BYTES);
    }
    this.#position += bytes.length;
    this.#filled = 0;
  }

  async #finish(): Promise<void> {
    if (this.#filled > 0) await this.#writeChunk();
    if (this.#position !== this.#sizeBytes) {
      throw this.#wrongSize('less');
    }
    await this.#handle.truncate(this.#sizeBytes);
  }
}

const ZEROS = Buffer.alloc(CHUNK_BYTES);

function isZero(bytes: Buffer): boolean {
  return bytes.equals(ZEROS.subarray(0, bytes.length));
}
