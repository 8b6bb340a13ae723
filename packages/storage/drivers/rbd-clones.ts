// Owns volumes that begin as Ceph's clones of a point in time: made at once, reading from their parent until they are
// flattened. Clones are of Ceph's second form, so that a point may be dropped and a parent removed while they are there:
//
//   vol-a@snap-b <-- vol-c      snap-b dropped: hidden until vol-c is flat      vol-a removed: in Ceph's trash until then

import { isResourceId, type VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import {
  type CloneFacts,
  type CloneSizes,
  DONE_PERCENT,
  type StoragePoint,
  type StoragePoints,
} from '@ironbark/protocol/internal/staged-backend.ts';
import {
  ALREADY_THERE,
  IMAGE_FEATURES,
  NOT_EMPTY,
  NOT_FOUND,
  type RbdCommand,
} from './rbd-command.ts';
import { RbdFlattenings } from './rbd-flatten.ts';
import { dropPoint, listAllPoints, pointName } from './rbd-points.ts';

export interface ImageFacts {
  size: number;
  /** What it still reads from. */
  parent?: object;
}

export class RbdClones implements StoragePoints, AsyncDisposable {
  readonly #rbd: RbdCommand;
  readonly #flattenings: RbdFlattenings;
  /** Made by this process and not looked at since: a guest waits for each command. */
  readonly #fresh = new Set<VolumeId>();

  constructor(rbd: RbdCommand, clock: Clock) {
    this.#rbd = rbd;
    this.#flattenings = new RbdFlattenings(rbd, clock);
  }

  list(): Promise<StoragePoint[]> {
    return listAllPoints(this.#rbd);
  }

  async drop({ id, snapshotId }: StoragePoint): Promise<void> {
    for (const isHeld of [false, true]) {
      await dropPoint(this.#rbd, id, pointName(snapshotId, { isHeld }));
    }
  }

  /** Whoever asks has looked whether it is there. */
  async clone(id: VolumeId, from: StoragePoint, sizes: CloneSizes): Promise<boolean> {
    const rbd = this.#rbd;
    const made = `${id}${UNFINISHED}`;
    const parent = rbd.imageSpec(from.id, from.snapshotId);
    const args = [...CLONE, parent, rbd.imageSpec(made)];
    const first = await rbd.attempt(args, [NOT_FOUND, ALREADY_THERE]);
    // What a crash has left may not be whole.
    if (first.exitCode === ALREADY_THERE) await removeImage(rbd, made);
    const { exitCode } =
      first.exitCode === ALREADY_THERE ? await rbd.attempt(args, [NOT_FOUND]) : first;
    if (exitCode === NOT_FOUND) return false;
    const { pointBytes, sizeBytes } = sizes;
    if (pointBytes < sizeBytes) await resizeImage(rbd, made, sizeBytes);
    await rbd.must(['rename', rbd.imageSpec(made), rbd.imageSpec(id)]);
    this.#fresh.add(id);
    return true;
  }

  async inspectClone(id: VolumeId): Promise<CloneFacts> {
    const found = this.#flattenings.find(id);
    if (found !== undefined) return found;
    if (this.#fresh.has(id)) return { state: 'idle', percent: 0 };
    const image = await readImage(this.#rbd, id);
    if (image?.parent !== undefined) return { state: 'idle', percent: 0 };
    return { state: 'done', percent: DONE_PERCENT };
  }

  async flatten(id: VolumeId): Promise<void> {
    this.#fresh.delete(id);
    this.#flattenings.begin(id);
  }

  /** Before its image goes. */
  async forget(id: VolumeId): Promise<void> {
    this.#fresh.delete(id);
    await this.#flattenings.end(id);
  }

  async tidy(): Promise<void> {
    // What went may have been the last clone of another one.
    while (await this.#emptyTrash());
  }

  /** One that has clones stays. False when nothing has gone. */
  async #emptyTrash(): Promise<boolean> {
    const text = await this.#rbd.must([
      'trash',
      'ls',
      '--format',
      'json',
      '--pool',
      this.#rbd.pool,
    ]);
    const found = JSON.parse(text) as { id: string; name: string }[];
    let isLess = false;
    for (const { id } of found.filter(({ name }) => isResourceId('vol', name))) {
      const args = ['trash', 'rm', '--force', '--no-progress', this.#rbd.imageSpec(id)];
      const { exitCode } = await this.#rbd.remove(args, [NOT_FOUND, NOT_EMPTY]);
      if (exitCode === 0) isLess = true;
    }
    return isLess;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#flattenings[Symbol.asyncDispose]();
  }
}

/** Of an image that is being made. */
export const UNFINISHED = '.new';

const CLONE = ['clone', '--rbd-default-clone-format', '2', '--image-feature', IMAGE_FEATURES];

export async function readImage(rbd: RbdCommand, name: string): Promise<ImageFacts | undefined> {
  const text = await rbd.run('rbd', ['info', '--format', 'json', rbd.imageSpec(name)]);
  return text === undefined ? undefined : (JSON.parse(text) as ImageFacts);
}

export async function resizeImage(rbd: RbdCommand, name: string, bytes: number): Promise<void> {
  await rbd.must(['resize', '--no-progress', '--size', `${bytes}B`, rbd.imageSpec(name)]);
}

/** With its points in time. One that clones read from is out of the way, and ends with the last of them. */
export async function removeImage(rbd: RbdCommand, name: string): Promise<void> {
  const spec = rbd.imageSpec(name);
  const purged = await rbd.run('rbd', ['snap', 'purge', '--no-progress', spec]);
  if (purged === undefined) return;
  const { exitCode } = await rbd.remove(['rm', '--no-progress', spec], [NOT_FOUND, NOT_EMPTY]);
  if (exitCode === NOT_EMPTY) await rbd.run('rbd', ['trash', 'mv', spec]);
}
