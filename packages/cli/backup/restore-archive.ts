// Owns putting a backup's files into a data folder that is being made.

import { type FileHandle, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isResourceId, type VolumeId } from '@ironbark/core/ids.ts';
import { ensureDirectory, writeFully } from '@ironbark/platform/files.ts';
import type { VolumeBackend } from '@ironbark/storage/drivers/volume-backend.ts';
import { damagedArchive } from './archive-bytes.ts';
import type { ArchiveFile, Piece } from './archive-frames.ts';

export interface RestoreTarget {
  /** The folder that is being made. */
  folder: string;
  /** Opened at the first volume: only then is it known how volumes are kept here. */
  openVolumes(): Promise<VolumeBackend>;
}

const VOLUMES = 'volumes/';
/** What a backup may bring; anything else is not from this program. */
const KNOWN = /^(config\.json$|(cloud|storage|objects|events|keys)\/)/;

export class ArchiveRestorer {
  readonly #target: RestoreTarget;
  readonly #made = new Set<string>();
  #volumes: VolumeBackend | undefined;
  volumesRestored = 0;

  constructor(target: RestoreTarget) {
    this.#target = target;
  }

  async restore(file: ArchiveFile, pieces: AsyncGenerator<Piece>): Promise<void> {
    if (file.path.startsWith(VOLUMES)) await this.#restoreVolume(file, pieces);
    else if (KNOWN.test(file.path)) await this.#restoreFile(file, pieces);
    else throw damagedArchive(`it has a file that is not known: ${file.path}`);
  }

  async #restoreVolume(file: ArchiveFile, pieces: AsyncGenerator<Piece>): Promise<void> {
    const id = file.path.slice(VOLUMES.length);
    if (!isResourceId('vol', id)) throw damagedArchive('it names a volume that cannot be');
    this.#volumes ??= await this.#target.openVolumes();
    await this.#volumes.createFrom(id as VolumeId, file.sizeBytes, pieces);
    this.volumesRestored += 1;
  }

  /** Nothing is synced here: the whole folder is, before it gets its name. */
  async #restoreFile(file: ArchiveFile, pieces: AsyncGenerator<Piece>): Promise<void> {
    const path = join(this.#target.folder, file.path);
    await this.#ensureParent(path);
    await using handle: FileHandle = await open(path, 'wx', 0o600);
    await handle.truncate(file.sizeBytes);
    for await (const { offset, bytes } of pieces) await writeFully(handle, bytes, offset);
  }

  async #ensureParent(path: string): Promise<void> {
    const parent = dirname(path);
    if (this.#made.has(parent)) return;
    await ensureDirectory(parent);
    this.#made.add(parent);
  }
}
