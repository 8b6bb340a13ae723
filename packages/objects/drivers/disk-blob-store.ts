// Owns blobs as files of the local disk, `xx/<id>`: written once, synced with their folder, checked on reading.

import { mkdir, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ensureDirectory,
  removeFile,
  syncDirectory,
  writeFully,
} from '@ironbark/platform/files.ts';
import { WriteGuard } from '@ironbark/platform/write-guard.ts';
import type { BlobStore, OpenBlob, StoredBlob, WriteBlobInput } from './blob-store.ts';
import { DamagedBlobError } from './block-crcs.ts';
import { readBlocks } from './block-reading.ts';
import { writeBlocks } from './block-writing.ts';
import { isDiskFull, keepWith, outOfSpace, requireSpace } from './disk-space.ts';
import type { HashThreads } from './hash-threads.ts';

const GROUPS: readonly string[] = Array.from({ length: 256 }, (_, i) =>
  i.toString(16).padStart(2, '0'),
);
const ID_PATTERN = /^[0-9a-f]{32}$/;

export async function openDiskBlobStore(folder: string, hashing: HashThreads): Promise<BlobStore> {
  await ensureDirectory(folder);
  for (const group of GROUPS) await mkdir(join(folder, group), { recursive: true, mode: 0o700 });
  await syncDirectory(folder);
  return new DiskBlobStore(folder, hashing);
}

class DiskBlobStore implements BlobStore {
  readonly #folder: string;
  readonly #hashing: HashThreads;
  readonly #guard: WriteGuard;

  constructor(folder: string, hashing: HashThreads) {
    this.#folder = folder;
    this.#hashing = hashing;
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

  /** Files are whole or have no row. */
  async listUnfinished(): Promise<[]> {
    return [];
  }

  async abandon(): Promise<void> {}

  async write(input: WriteBlobInput): Promise<StoredBlob> {
    this.#guard.requireHealth();
    requireSpace(this.#folder, input.lengthBytes ?? 0);
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
      const written = await writeBlocks(
        {
          sum: 'gmac',
          write: (bytes, at) => writeFully(handle, bytes, at),
          settle: () => keepWith(this.#guard, () => handle.datasync()),
        },
        input,
      );
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
      read: (start, end) => readBlocks(handle, blob, { start, end, hashing: this.#hashing }),
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
