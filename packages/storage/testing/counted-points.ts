// Owns the double of a storage that keeps points in time itself, for tests without Ceph: images are files, a clone is a
// copy that counts as unfinished until it is flattened, and a removed parent stays for as long as it has clones.

import { copyFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import {
  DONE_PERCENT,
  type StagedBackend,
  type StoragePoint,
  type StoragePoints,
} from '@ironbark/protocol/internal/staged-backend.ts';

export class CountedPoints implements StagedBackend {
  /** With their sizes. */
  readonly images = new Map<VolumeId, number>();
  /** `vol-x@snap-y`. */
  readonly taken = new Set<string>();
  /** Clones, and what they are of. */
  readonly clones = new Map<VolumeId, VolumeId>();
  readonly trash = new Set<VolumeId>();
  /** Pieces that came from the object store. */
  written = 0;
  readonly #directory: () => string;
  readonly #sizes = new Map<VolumeId, number>();

  constructor(directory: () => string) {
    this.#directory = directory;
  }

  readonly points: StoragePoints = {
    list: async () =>
      [...this.taken].map((name) => {
        const [id, snapshotId] = name.split('@') as [VolumeId, SnapshotId];
        return { id, snapshotId };
      }),
    drop: async (point) => {
      this.taken.delete(nameOf(point));
    },
    clone: async (id, from, { sizeBytes }) => {
      if (this.images.has(id)) return true;
      if (!this.taken.has(nameOf(from))) return false;
      await copyFile(this.#path(from.id), this.#path(id));
      this.images.set(id, sizeBytes);
      this.clones.set(id, from.id);
      return true;
    },
    inspectClone: async (id) =>
      this.clones.has(id)
        ? { state: 'idle', percent: 0 }
        : { state: 'done', percent: DONE_PERCENT },
    flatten: async (id) => {
      this.clones.delete(id);
    },
    tidy: async () => this.#emptyTrash(),
  };

  take(point: StoragePoint): void {
    this.taken.add(nameOf(point));
  }

  async inspect(id: VolumeId) {
    const sizeBytes = this.images.get(id);
    return sizeBytes === undefined ? undefined : { sizeBytes };
  }

  async prepare(id: VolumeId, sizeBytes: number): Promise<number> {
    await writeFile(this.#path(id, '.made'), '');
    await truncate(this.#path(id, '.made'), sizeBytes);
    this.#sizes.set(id, sizeBytes);
    return DONE_PERCENT;
  }

  async write(): Promise<void> {
    this.written += 1;
  }

  async finish(id: VolumeId): Promise<void> {
    if (this.images.has(id)) return;
    await rename(this.#path(id, '.made'), this.#path(id));
    this.images.set(id, this.#sizes.get(id)!);
  }

  async grow(): Promise<number> {
    return DONE_PERCENT;
  }

  async remove(id: VolumeId): Promise<number> {
    if ([...this.clones.values()].includes(id)) this.trash.add(id);
    this.images.delete(id);
    this.clones.delete(id);
    for (const name of [...this.taken]) if (name.startsWith(id)) this.taken.delete(name);
    for (const suffix of ['.raw', '.made']) await rm(this.#path(id, suffix), { force: true });
    this.#emptyTrash();
    return DONE_PERCENT;
  }

  async space() {
    return { totalBytes: 1, freeBytes: 1, largestBytes: 1 };
  }

  async list(): Promise<VolumeId[]> {
    return [...this.images.keys()];
  }

  async listUnfinished(): Promise<VolumeId[]> {
    return [];
  }

  #emptyTrash(): void {
    const parents = new Set(this.clones.values());
    for (const id of [...this.trash]) if (!parents.has(id)) this.trash.delete(id);
  }

  #path(id: VolumeId, suffix = '.raw'): string {
    return join(this.#directory(), 'volumes', `${id}${suffix}`);
  }
}

function nameOf({ id, snapshotId }: StoragePoint): string {
  return `${id}@${snapshotId}`;
}
