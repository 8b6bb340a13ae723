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
  CLONE_FEATURES,
  NOT_EMPTY,
  NOT_FOUND,
  type RbdCommand,
} from './rbd-command.ts';
import { planWhole, RbdFlattenings } from './rbd-flatten.ts';
import { readImage, removeImage, resizeImage, UNFINISHED } from './rbd-images.ts';
import { dropPoint, listAllPoints, pointName } from './rbd-points.ts';

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
    const isWhole = image === undefined || planWhole(image) === undefined;
    if (isWhole) return { state: 'done', percent: DONE_PERCENT };
    return { state: 'idle', percent: image.parent === undefined ? DONE_PERCENT : 0 };
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

const CLONE = ['clone', '--rbd-default-clone-format', '2', '--image-feature', CLONE_FEATURES];
