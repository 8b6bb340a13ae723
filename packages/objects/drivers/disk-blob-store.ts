// Owns blobs as files of the local disk, `xx/<id>`: written once, synced with their folder, checked on reading.

import { type FileHandle, mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import {
  ensureDirectory,
  removeFile,
  syncDirectory,
  writeFully,
} from '@ironbark/platform/files.ts';
import { WriteGuard } from '@ironbark/platform/write-guard.ts';
import type { BlobStore, OpenBlob, StoredBlob, WriteBlobInput } from './blob-store.ts';
import { DamagedBlobError, decodeCrcs, encodeCrcs } from './block-crcs.ts';
import { isDiskFull, keepWith, outOfSpace, requireSpace } from './disk-space.ts';

/** The unit of writing, of reading and of the stored CRCs. */
const BLOCK_BYTES = MIB;

const GROUPS: readonly string[] = Array.from({ length: 256 }, (_, i) =>
  i.toString(16).padStart(2, '0'),
);
const ID_PATTERN = /^[0-9a-f]{32}$/;

export async function openDiskBlobStore(folder: string): Promise<BlobStore> {
  await ensureDirectory(folder);
  for (const group of GROUPS) await mkdir(join(folder, group), { recursive: true, mode: 0o700 });
  await syncDirectory(folder);
  return new DiskBlobStore(folder);
}

class DiskBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #guard: WriteGuard;

  constructor(folder: string) {
    this.#folder = folder;
    this.#guard = new WriteGuard(folder);
  }

  get failure(): string | undefined {
    return this.#guard.failure;
  }

  groups(): readonly string[] {
    return GROUPS;
  }

  async list(group: string): Promise<string[]> {
    const names = await readdir(join(this.#folder, group));
    return names.filter((name) => ID_PATTERN.test(name));
  }

  async write(input: WriteBlobInput): Promise<StoredBlob> {
    this.#guard.requireHealth();
    await requireSpace(this.#folder, input.lengthBytes ?? 0);
    const path = this.#path(input.id);
    try {
      return await this.#writeFile(path, input);
    } catch (error) {
      await removeFile(path);
      throw isDiskFull(error) ? outOfSpace(error) : error;
    }
  }

  async #writeFile(path: string, input: WriteBlobInput): Promise<StoredBlob> {
    const handle = await open(path, 'wx', 0o600);
    try {
      const written = await writeBlocks(handle, input);
      await keepWith(this.#guard, () => handle.sync());
      await keepWith(this.#guard, () => syncDirectory(join(path, '..')));
      return { id: input.id, ...written };
    } finally {
      await handle.close();
    }
  }

  async open(blob: StoredBlob): Promise<OpenBlob> {
    const handle = await open(this.#path(blob.id), 'r');
    try {
      const { size } = await handle.stat();
      if (size !== blob.sizeBytes) throw new DamagedBlobError(blob.id, `has ${size} bytes`);
    } catch (error) {
      await handle.close();
      throw error;
    }
    return {
      read: (start, end) => readBlocks(handle, blob, start, end),
      [Symbol.asyncDispose]: () => handle.close(),
    };
  }

  async remove(id: string): Promise<void> {
    this.#guard.requireHealth();
    await removeFile(this.#path(id));
    await keepWith(this.#guard, () => syncDirectory(join(this.#folder, id.slice(0, 2))));
  }

  /** Ids are our own random digits; a key of a client never gets here. */
  #path(id: string): string {
    if (!ID_PATTERN.test(id)) throw new Error(`not the id of a blob: ${id}`);
    return join(this.#folder, id.slice(0, 2), id);
  }
}

/** Reads and digests the next block while the one before it is being written. */
async function writeBlocks(
  handle: FileHandle,
  input: WriteBlobInput,
): Promise<{ sizeBytes: number; blockCrcs: string }> {
  const crcs: number[] = [];
  let sizeBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  try {
    for await (const block of toBlocks(input.chunks)) {
      sizeBytes += block.length;
      if (sizeBytes > input.maxBytes) throw tooLarge();
      input.digests.update(block);
      crcs.push(crc32(block));
      await writing;
      writing = writeFully(handle, block, sizeBytes - block.length);
      // Its failure is met at the next await; without this it would count as unhandled until then.
      writing.catch(() => {});
    }
  } finally {
    await writing;
  }
  return { sizeBytes, blockCrcs: encodeCrcs(crcs) };
}

/** Two buffers in turn: one is filled while the other is written. */
async function* toBlocks(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let [filling, other] = [Buffer.allocUnsafe(0), Buffer.allocUnsafe(0)];
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      if (filling.length === 0) filling = Buffer.allocUnsafeSlow(BLOCK_BYTES);
      const piece = chunk.subarray(at, at + BLOCK_BYTES - filled);
      filling.set(piece, filled);
      filled += piece.length;
      at += piece.length;
      if (filled < BLOCK_BYTES) continue;
      yield filling;
      [filling, other] = [other, filling];
      filled = 0;
    }
  }
  if (filled > 0) yield filling.subarray(0, filled);
}

/** Whole blocks are read and checked, then cut to the range; the next one is read while one is being sent. */
async function* readBlocks(
  handle: FileHandle,
  blob: StoredBlob,
  start: number,
  end: number,
): AsyncGenerator<Uint8Array> {
  const crcs = decodeCrcs(blob.blockCrcs);
  const last = Math.floor(end / BLOCK_BYTES);
  const read = (index: number) => {
    const block = readBlock(handle, blob, index, crcs[index]);
    // Its failure is met at its turn, or by nobody when the reader stops before.
    block.catch(() => {});
    return block;
  };
  let next = read(Math.floor(start / BLOCK_BYTES));
  for (let index = Math.floor(start / BLOCK_BYTES); index <= last; index++) {
    const block = await next;
    if (index < last) next = read(index + 1);
    const at = index * BLOCK_BYTES;
    yield block.subarray(Math.max(start - at, 0), end + 1 - at);
  }
}

async function readBlock(
  handle: FileHandle,
  blob: StoredBlob,
  index: number,
  crc: number | undefined,
): Promise<Buffer> {
  const at = index * BLOCK_BYTES;
  const block = Buffer.allocUnsafeSlow(Math.min(BLOCK_BYTES, blob.sizeBytes - at));
  await readFully(handle, block, at, blob.id);
  if (crc32(block) !== crc) throw new DamagedBlobError(blob.id, `block ${index}`);
  return block;
}

async function readFully(
  handle: FileHandle,
  block: Buffer,
  position: number,
  id: string,
): Promise<void> {
  let done = 0;
  while (done < block.length) {
    const { bytesRead } = await handle.read(block, done, block.length - done, position + done);
    if (bytesRead === 0) throw new DamagedBlobError(id, 'ends early');
    done += bytesRead;
  }
}

function tooLarge(): ServiceError {
  return new ServiceError({
    kind: 'too-large',
    resource: 'object',
    message: 'Your proposed upload exceeds the maximum allowed size.',
  });
}
