// Owns one loop of attaching and detaching: a volume goes from instance to instance, each writes to it as long as it can,
// also while it is taken away, and the next one has to find what the last one was told is written, and nothing later.
// Several loops may share a volume: each has instances and sectors of its own.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { systemClock, TimeoutError, waitFor } from '@ironbark/platform/clock.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { Opening } from '@ironbark/storage/app/openings.ts';
import type { ControlPlane } from '../../support/churn/control-plane.ts';
import { NbdDisk } from '../../support/nbd-disk.ts';

const STUCK_MS = 90_000;
const LOOK_MS = 50;
/** Of so many turns, the first. */
const FORCED_EACH = 4;
/** Sixteen guests write side by side, and the host has other things to do. */
const WRITE_PAUSE_MS = 5;
const SECTOR_BYTES = 512;
/** So many sectors are written in turn; each says its number. */
const SECTORS = 64;
const DONE = /IncorrectState|VolumeInUse/;

export interface LoopTally {
  attachments: number;
  forced: number;
  writes: number;
  /** Writes that were answered and are not there. */
  lost: number;
  /** Writes that were answered after the volume was shown available. */
  late: number;
  stuck: string[];
}

export function emptyLoopTally(): LoopTally {
  return { attachments: 0, forced: 0, writes: 0, lost: 0, late: 0, stuck: [] };
}

export interface LoopOptions {
  plane: ControlPlane;
  random: RandomSource;
  volumeId: string;
  device: string;
  instanceIds: readonly string[];
  tally: LoopTally;
  /** Of a volume that other loops have too: which of them this is. */
  sharer?: number;
}

export class AttachLoop {
  readonly #options: LoopOptions;
  /** Of the last write that was answered; one more may have happened. */
  #written = 0;
  #turns = 0;

  constructor(options: LoopOptions) {
    this.#options = options;
  }

  /** Once there and back; false when it got stuck, and with it the volume. */
  async turn(): Promise<boolean> {
    const { random, instanceIds, tally } = this.#options;
    const instanceId = instanceIds[Math.floor(random.fraction() * instanceIds.length)]!;
    const isForced = this.#turns++ % FORCED_EACH === 0;
    try {
      await this.#attach(instanceId);
      const disk = await this.#until('served', () => this.#open(instanceId));
      await this.#check(disk);
      const writing = this.#writeOn(disk);
      await this.#detach(instanceId, isForced);
      // One answer may have come, and not been looked at, before the volume was seen available.
      if ((await this.#countUntilCut(writing)) > 1) tally.late += 1;
      disk.close();
      tally.attachments += 1;
      if (isForced) tally.forced += 1;
      return true;
    } catch (error) {
      if (!(error instanceof TimeoutError)) throw error;
      tally.stuck.push(error.message);
      return false;
    }
  }

  async #attach(InstanceId: string): Promise<void> {
    const { plane, volumeId: VolumeId, device: Device } = this.#options;
    await plane.call('AttachVolume', { VolumeId, InstanceId, Device }, DONE);
    await this.#until('attached', async () => (await this.#look(InstanceId)).at === 'attached');
  }

  async #detach(InstanceId: string, Force: boolean): Promise<void> {
    const { plane, volumeId: VolumeId } = this.#options;
    await plane.call('DetachVolume', { VolumeId, InstanceId, Force }, DONE);
    await this.#until('free', async () => (await this.#look(InstanceId)).isFree);
  }

  async #look(instanceId: string): Promise<{ isFree: boolean; at: string | undefined }> {
    const { plane, volumeId, sharer } = this.#options;
    const found = await plane.call('DescribeVolumes', { VolumeIds: [volumeId] });
    const volume = found?.Volumes?.[0];
    const own = volume?.Attachments?.find(({ InstanceId }) => InstanceId === instanceId);
    const isFree = sharer === undefined ? volume?.State === 'available' : own === undefined;
    return { isFree: volume !== undefined && isFree, at: own?.State };
  }

  /** Undefined while its daemon comes up again. */
  async #open(instanceId: string): Promise<NbdDisk | undefined> {
    const { volumeId: exportName, sharer } = this.#options;
    const socketPath =
      sharer === undefined ? await this.#findSocket() : this.#findOpening(instanceId);
    if (socketPath === undefined) return undefined;
    return await NbdDisk.open({ socketPath, exportName }).catch(() => undefined);
  }

  async #findSocket(): Promise<string | undefined> {
    const { plane, volumeId } = this.#options;
    const folder = join(plane.paths.storage, 'run/exports');
    const names = (await readdir(folder)).filter((name) => name.startsWith(volumeId));
    const [name] = names.filter((each) => each.endsWith('.nbd'));
    return name === undefined ? undefined : join(folder, name);
  }

  #findOpening(instanceId: string): string | undefined {
    const { plane, volumeId } = this.#options;
    using database = new DatabaseSync(plane.paths.stores.storage, { readOnly: true });
    const row = database.prepare('select opened_to from volume where id = ?').get(volumeId);
    const openings = JSON.parse(String(row?.['opened_to'] ?? '[]')) as Opening[];
    const place = openings.find((one) => one.instanceId === instanceId)?.export;
    return place?.kind === 'nbd-unix' ? place.socketPath : undefined;
  }

  /** Where its sectors begin. */
  get #base(): number {
    return (this.#options.sharer ?? 0) * SECTORS * SECTOR_BYTES;
  }

  /** The newest number on the disk is the last that was answered, or the one that was under way. */
  async #check(disk: NbdDisk): Promise<void> {
    const bytes = await disk.read(this.#base, SECTORS * SECTOR_BYTES);
    // Its daemon was killed; the next turn looks again.
    if (bytes === undefined) return;
    const numbers = Array.from({ length: SECTORS }, (_, at) =>
      bytes.readUInt32LE(at * SECTOR_BYTES),
    );
    const newest = Math.max(...numbers);
    if (newest < this.#written) this.#options.tally.lost += 1;
    if (newest > this.#written + 1) this.#options.tally.late += 1;
    this.#written = newest;
  }

  /** Ends when it is cut off. */
  async #writeOn(disk: NbdDisk): Promise<void> {
    for (;;) {
      const number = this.#written + 1;
      const bytes = Buffer.alloc(SECTOR_BYTES);
      bytes.writeUInt32LE(number);
      const offset = this.#base + (number % SECTORS) * SECTOR_BYTES;
      if (!(await disk.write(offset, bytes))) return;
      this.#written = number;
      this.#options.tally.writes += 1;
      await systemClock.sleep(WRITE_PAUSE_MS);
    }
  }

  /** How many more writes are answered although the volume is available: whoever had it is cut off by now. */
  async #countUntilCut(writing: Promise<void>): Promise<number> {
    const before = this.#written;
    let isCut = false;
    const cut = writing.then(() => {
      isCut = true;
    });
    await this.#until('cut off', async () => {
      await Promise.race([cut, systemClock.sleep(LOOK_MS)]);
      return isCut;
    });
    return this.#written - before;
  }

  #until<T>(what: string, probe: () => Promise<T | undefined | false>): Promise<T> {
    const named = `${this.#options.volumeId} ${what}`;
    const options = { clock: systemClock, timeoutMs: STUCK_MS, intervalMs: LOOK_MS };
    return waitFor(probe, { ...options, what: named });
  }
}
