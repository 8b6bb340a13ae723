// Owns volumes as images of a Ceph pool: `vol-x`, and `vol-x.new` until it is whole. Ceph keeps the bytes on several
// machines, claims no space in advance, and reads zeros where nothing was written.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import {
  DONE_PERCENT,
  type StagedBackend,
  type StagedSpace,
  type StagedVolume,
} from '@ironbark/protocol/internal/staged-backend.ts';
import { RbdClones } from './rbd-clones.ts';
import {
  type CephSettings,
  IMAGE_FEATURES,
  RbdCommand,
  requireCephSettings,
} from './rbd-command.ts';
import { readImage, removeImage, resizeImage, UNFINISHED } from './rbd-images.ts';
import { RbdWriters } from './rbd-writers.ts';

/** The report asks often, and each answer takes a process. */
const SPACE_KEPT_MS = 10_000;

export class RbdBackend implements StagedBackend, AsyncDisposable {
  readonly settings: CephSettings;
  readonly points: RbdClones;
  readonly #rbd: RbdCommand;
  readonly #writers: RbdWriters;
  readonly #clock: Clock;
  #space: { space: StagedSpace; atMs: number } | undefined;
  /** What exists and cannot go while it is open, so that a start of a daemon need not ask. */
  readonly #sizes = new Map<VolumeId, number>();

  constructor(settings: CephSettings, { commands, clock }: { commands: Commands; clock: Clock }) {
    requireCephSettings(settings);
    this.settings = settings;
    this.#rbd = new RbdCommand(settings, commands);
    this.#clock = clock;
    this.points = new RbdClones(this.#rbd, clock);
    this.#writers = new RbdWriters(this.#rbd);
  }

  async inspect(id: VolumeId): Promise<StagedVolume | undefined> {
    const known = this.#sizes.get(id);
    const sizeBytes = known ?? (await this.#sizeOf(id));
    if (sizeBytes === undefined) return undefined;
    this.#sizes.set(id, sizeBytes);
    return { sizeBytes };
  }

  async list(): Promise<VolumeId[]> {
    return (await this.#names()).filter((name) => isResourceId('vol', name));
  }

  async listUnfinished(): Promise<VolumeId[]> {
    return (await this.#names())
      .filter((name) => name.endsWith(UNFINISHED))
      .map((name) => name.slice(0, -UNFINISHED.length))
      .filter((name) => isResourceId('vol', name));
  }

  async prepare(id: VolumeId, sizeBytes: number): Promise<number> {
    if ((await this.inspect(id)) !== undefined) return DONE_PERCENT;
    await this.#writers.begin(id, sizeBytes);
    const found = await this.#sizeOf(unfinished(id));
    if (found === sizeBytes) return DONE_PERCENT;
    if (found !== undefined) await removeImage(this.#rbd, unfinished(id));
    const how = ['--size', `${sizeBytes}B`, '--image-feature', IMAGE_FEATURES];
    await this.#rbd.must(['create', ...how, this.#rbd.imageSpec(unfinished(id))]);
    return DONE_PERCENT;
  }

  write(id: VolumeId, offset: number, bytes: Uint8Array): Promise<void> {
    return this.#writers.write(id, unfinished(id), { offset, bytes });
  }

  async finish(id: VolumeId): Promise<void> {
    if ((await this.inspect(id)) !== undefined) return;
    await this.#writers.finish(id);
    const [made, whole] = [this.#rbd.imageSpec(unfinished(id)), this.#rbd.imageSpec(id)];
    await this.#rbd.must(['rename', made, whole]);
  }

  async grow(id: VolumeId, sizeBytes: number): Promise<number> {
    const found = await this.#sizeOf(id);
    if (found === undefined) throw new Error(`there is no image of ${id}`);
    if (found < sizeBytes) await resizeImage(this.#rbd, id, sizeBytes);
    this.#sizes.set(id, Math.max(found, sizeBytes));
    return DONE_PERCENT;
  }

  async remove(id: VolumeId): Promise<number> {
    this.#sizes.delete(id);
    await this.points.forget(id);
    await this.#writers.drop(id);
    await removeImage(this.#rbd, unfinished(id));
    await removeImage(this.#rbd, id);
    await this.points.tidy();
    return DONE_PERCENT;
  }

  async space(): Promise<StagedSpace> {
    const now = this.#clock.monotonicMs();
    if (this.#space !== undefined && now - this.#space.atMs < SPACE_KEPT_MS) {
      return this.#space.space;
    }
    const text = await this.#rbd.run('ceph', ['df', '--format', 'json']);
    const { pools } = JSON.parse(text ?? '{"pools":[]}') as CephUsage;
    const { max_avail: free = 0, stored = 0 } =
      pools.find(({ name }) => name === this.settings.pool)?.stats ?? {};
    const space = { totalBytes: free + stored, freeBytes: free, largestBytes: wholeMib(free) };
    this.#space = { space, atMs: now };
    return space;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.points[Symbol.asyncDispose]();
    await this.#writers[Symbol.asyncDispose]();
  }

  async #names(): Promise<string[]> {
    const text = await this.#rbd.must(['ls', '--format', 'json', '--pool', this.settings.pool]);
    return JSON.parse(text) as string[];
  }

  async #sizeOf(name: string): Promise<number | undefined> {
    return (await readImage(this.#rbd, name))?.size;
  }
}

interface CephUsage {
  pools: { name: string; stats: { max_avail: number; stored: number } }[];
}

function unfinished(id: VolumeId): string {
  return `${id}${UNFINISHED}`;
}

function wholeMib(bytes: number): number {
  return Math.floor(bytes / MIB) * MIB;
}
