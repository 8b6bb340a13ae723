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
import { type CephSettings, RbdCommand, requireCephSettings } from './rbd-command.ts';
import { renderDiff } from './rbd-diff.ts';

const UNFINISHED = '.new';
/** The report asks often, and each answer takes a process. */
const SPACE_KEPT_MS = 10_000;

export class RbdBackend implements StagedBackend {
  readonly settings: CephSettings;
  readonly #rbd: RbdCommand;
  readonly #clock: Clock;
  #space: { space: StagedSpace; atMs: number } | undefined;
  /** What exists and cannot go while it is open, so that a start of a daemon need not ask. */
  readonly #sizes = new Map<VolumeId, number>();

  constructor(settings: CephSettings, { commands, clock }: { commands: Commands; clock: Clock }) {
    requireCephSettings(settings);
    this.settings = settings;
    this.#rbd = new RbdCommand(settings, commands);
    this.#clock = clock;
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
    const found = await this.#sizeOf(unfinished(id));
    if (found === sizeBytes) return DONE_PERCENT;
    if (found !== undefined) await this.#removeImage(unfinished(id));
    const size = ['--size', `${sizeBytes}B`];
    await this.#must(['create', ...size, this.#rbd.imageSpec(unfinished(id))]);
    return DONE_PERCENT;
  }

  async write(id: VolumeId, offset: number, bytes: Uint8Array): Promise<void> {
    const sizeBytes = await this.#sizeOf(unfinished(id));
    if (sizeBytes === undefined || offset + bytes.length > sizeBytes) {
      throw new Error(`${id} cannot be written at ${offset}`);
    }
    const diff = renderDiff(sizeBytes, offset, bytes);
    await this.#must(['import-diff', '--no-progress', '-', this.#spec(id)], diff);
  }

  async finish(id: VolumeId): Promise<void> {
    if ((await this.inspect(id)) !== undefined) return;
    await this.#must(['rename', this.#spec(id), this.#rbd.imageSpec(id)]);
  }

  async grow(id: VolumeId, sizeBytes: number): Promise<number> {
    const found = await this.#sizeOf(id);
    if (found === undefined) throw new Error(`there is no image of ${id}`);
    if (found < sizeBytes) {
      const size = ['--size', `${sizeBytes}B`];
      await this.#must(['resize', '--no-progress', ...size, this.#rbd.imageSpec(id)]);
    }
    this.#sizes.set(id, Math.max(found, sizeBytes));
    return DONE_PERCENT;
  }

  async remove(id: VolumeId): Promise<number> {
    this.#sizes.delete(id);
    await this.#removeImage(unfinished(id));
    await this.#removeImage(id);
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

  #spec(id: VolumeId): string {
    return this.#rbd.imageSpec(unfinished(id));
  }

  async #names(): Promise<string[]> {
    const text = await this.#must(['ls', '--format', 'json', '--pool', this.settings.pool]);
    return JSON.parse(text) as string[];
  }

  async #sizeOf(name: string): Promise<number | undefined> {
    const spec = this.#rbd.imageSpec(name);
    const text = await this.#rbd.run('rbd', ['info', '--format', 'json', spec]);
    return text === undefined ? undefined : (JSON.parse(text) as { size: number }).size;
  }

  async #removeImage(name: string): Promise<void> {
    await this.#rbd.run('rbd', ['rm', '--no-progress', this.#rbd.imageSpec(name)]);
  }

  async #must(args: readonly string[], input?: Uint8Array): Promise<string> {
    const text = await this.#rbd.run('rbd', args, input);
    if (text === undefined) throw new Error(`rbd ${args[0]}: there is no such pool or image`);
    return text;
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
