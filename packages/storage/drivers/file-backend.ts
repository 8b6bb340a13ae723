// Owns volumes as raw files: `volumes/vol-x.raw`, their space claimed when they are made, never old bytes.

import { chmod, chown, type FileHandle, open, readdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { isResourceId, type VolumeId } from '@ironbark/core/ids.ts';
import { renderBytes } from '@ironbark/core/units.ts';
import {
  ensureDirectory,
  hasCode,
  makeFile,
  removeFile,
  statIfPresent,
  syncDirectory,
  syncFile,
  writeFully,
} from '@ironbark/platform/files.ts';
import { claimSpace } from '@ironbark/platform/libc.ts';
import type {
  BackendSpace,
  MakeOptions,
  VolumeBackend,
  VolumeContent,
  VolumeFacts,
} from './volume-backend.ts';

export interface FileBackendOptions {
  directory: string;
  /**
   * Whose group may enter the folder, or `group`: somebody else made it. Each file is given to its daemon when that
   * starts. Absent: the user that runs this process has all.
   */
  access?: VolumeAccess;
  /** `claimed`: every byte has its place on the disk. `sparse` is for simulated clouds alone. */
  allocation: 'claimed' | 'sparse';
}

export type VolumeAccess = { kind: 'owner'; gid: number } | { kind: 'group' };

const SUFFIX = '.raw';
/** Volumes under way, as makeFile names them. */
const UNFINISHED_SUFFIX = '.raw.new';
/** st_blocks counts in these units, whatever the file system's own block size is. */
const STAT_BLOCK_BYTES = 512;

export async function openFileBackend(options: FileBackendOptions): Promise<VolumeBackend> {
  await ensureDirectory(options.directory, 0o710);
  const { access } = options;
  if (access?.kind === 'owner') await chown(options.directory, 0, access.gid);
  if (access?.kind !== 'group') await chmod(options.directory, 0o710);
  // A process that died after a rename may not have synced it, and volumes that can be seen are taken for kept.
  await syncDirectory(options.directory);
  return new FileBackend(options);
}

export function volumeFileName(id: VolumeId): string {
  return `${id}${SUFFIX}`;
}

class FileBackend implements VolumeBackend {
  readonly #options: FileBackendOptions;

  constructor(options: FileBackendOptions) {
    this.#options = options;
  }

  async inspect(id: VolumeId): Promise<VolumeFacts | undefined> {
    const facts = await statIfPresent(this.#path(id));
    return facts && { sizeBytes: facts.size, allocatedBytes: facts.blocks * STAT_BLOCK_BYTES };
  }

  async list(): Promise<VolumeId[]> {
    const names = await readdir(this.#options.directory);
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .map((name) => name.slice(0, -SUFFIX.length))
      .filter((name) => isResourceId('vol', name));
  }

  create(id: VolumeId, sizeBytes: number): Promise<void> {
    return this.#make(id, sizeBytes, async () => {});
  }

  createFrom(
    id: VolumeId,
    sizeBytes: number,
    contents: AsyncIterable<VolumeContent>,
  ): Promise<void> {
    return this.#make(id, sizeBytes, async (handle) => {
      for await (const { offset, bytes } of contents) await writeFully(handle, bytes, offset);
    });
  }

  async grow(id: VolumeId, sizeBytes: number, { ownBytes }: MakeOptions = {}): Promise<void> {
    const before = await this.inspect(id);
    if (before === undefined || before.sizeBytes >= sizeBytes) return;
    await explainFull(sizeBytes - before.sizeBytes, async () => {
      await using handle = await open(this.#path(id), 'r+');
      try {
        await this.#claim(handle, sizeBytes);
      } catch (error) {
        // A file system that becomes full meanwhile has made it longer by what it had.
        await handle.truncate(Math.min(before.sizeBytes, ownBytes ?? before.sizeBytes));
        throw error;
      }
    });
    await syncFile(this.#path(id));
  }

  async overwrite(id: VolumeId, contents: AsyncIterable<VolumeContent>): Promise<void> {
    await using handle = await open(this.#path(id), 'r+');
    for await (const { offset, bytes } of contents) await writeFully(handle, bytes, offset);
    await syncFile(this.#path(id));
  }

  sync(id: VolumeId): Promise<void> {
    return syncFile(this.#path(id));
  }

  async remove(id: VolumeId): Promise<void> {
    await removeFile(this.#unfinishedPath(id));
    await removeFile(this.#path(id));
    await syncDirectory(this.#options.directory);
  }

  async space(): Promise<BackendSpace> {
    const { bsize, blocks, bavail } = await statfs(this.#options.directory);
    return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
  }

  async sweep(): Promise<void> {
    const names = await readdir(this.#options.directory);
    for (const name of names.filter((each) => each.endsWith(UNFINISHED_SUFFIX))) {
      await removeFile(join(this.#options.directory, name));
    }
  }

  async #make(
    id: VolumeId,
    sizeBytes: number,
    write: (handle: FileHandle) => Promise<void>,
  ): Promise<void> {
    if ((await this.inspect(id)) !== undefined) return;
    const fill = async (handle: FileHandle) => {
      await this.#claim(handle, sizeBytes);
      await write(handle);
    };
    await explainFull(sizeBytes, () => makeFile(this.#path(id), fill));
  }

  async #claim(handle: FileHandle, sizeBytes: number): Promise<void> {
    if (this.#options.allocation === 'sparse') await handle.truncate(sizeBytes);
    else await claimSpace(handle.fd, sizeBytes);
  }

  #path(id: VolumeId): string {
    return join(this.#options.directory, volumeFileName(id));
  }

  #unfinishedPath(id: VolumeId): string {
    return join(this.#options.directory, `${id}${UNFINISHED_SUFFIX}`);
  }
}

function isFull(error: unknown): boolean {
  return hasCode(error, 'ENOSPC') || hasCode(error, 'EFBIG') || hasCode(error, 'EDQUOT');
}

async function explainFull(sizeBytes: number, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    if (!isFull(error)) throw error;
    throw new ServiceError({
      kind: 'out-of-space',
      resource: 'volume',
      message: `The storage has no room for ${renderBytes(sizeBytes)} more.`,
      cause: error,
    });
  }
}
