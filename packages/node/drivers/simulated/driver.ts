// Owns the simulated hypervisor: guests that exist only as state, with seeded delays and failures. It ships: demos
// and tests of whole clouds run on it without a single process.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { InstanceId, InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { type Clock, renderTime } from '@ironbark/platform/clock.ts';
import {
  ensureDirectory,
  readFileIfPresent,
  removeFile,
  replaceFile,
} from '@ironbark/platform/files.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type {
  DiskStats,
  DriverFingerprint,
  GuestDisk,
  GuestHandle,
  GuestNic,
  GuestSpec,
  GuestStatus,
  HypervisorDriver,
  PluggedDisk,
} from '../hypervisor-driver.ts';

export interface SimulatedOptions {
  /** Each operation takes from the first to the second number of milliseconds; none by default. */
  delayMs?: readonly [number, number];
  /** Share of operations that fail, half of them after they took effect; 0 by default. */
  failureRate?: number;
  /** Plants failures by name; called before and after each operation's effect. */
  fail?: (operation: string, id: InstanceId, moment: 'before' | 'after') => Error | undefined;
  /** Guests ignore the power button. */
  ignoresShutdown?: boolean;
  /** Guests never let go of a volume. */
  keepsVolumes?: boolean;
}

export interface SimulatedDriverOptions extends SimulatedOptions {
  clock: Clock;
  random: RandomSource;
  /** Guests outlive the daemon in this folder. */
  stateDir: string;
}

interface SimulatedGuest {
  id: InstanceId;
  pid: number;
  startedAt: string;
  power: 'running' | 'off';
  boots: number;
  disks: PluggedDisk[];
  /** Absent: an earlier version wrote it. */
  nics?: InterfaceId[];
  console: string;
}

/** Pids in no host's range, so that nobody takes a simulated guest for a process. */
const FIRST_PID = 10_000_000;

export async function createSimulatedDriver(
  options: SimulatedDriverOptions,
): Promise<SimulatedDriver> {
  await ensureDirectory(options.stateDir);
  const guests = new Map<InstanceId, SimulatedGuest>();
  for (const name of await readdir(options.stateDir)) {
    const id = name.replace(/\.json$/, '');
    const bytes = await readFileIfPresent(join(options.stateDir, name));
    if (isResourceId('i', id) && bytes !== undefined) guests.set(id, JSON.parse(bytes.toString()));
  }
  return new SimulatedDriver(options, guests);
}

export class SimulatedDriver implements HypervisorDriver {
  readonly name = 'simulated';
  readonly #options: SimulatedDriverOptions;
  readonly #guests: Map<InstanceId, SimulatedGuest>;
  readonly #listeners = new Set<(id: InstanceId) => void>();

  constructor(options: SimulatedDriverOptions, guests: Map<InstanceId, SimulatedGuest>) {
    this.#options = options;
    this.#guests = guests;
  }

  async fingerprint(): Promise<DriverFingerprint> {
    return {
      hypervisor: 'simulated',
      accelerator: 'simulated',
      isolationGaps: [],
      version: '1',
      reason: 'guests are simulated; no virtual machine runs',
    };
  }

  /** Ids of the guests that exist; for tests and demos. */
  listGuests(): InstanceId[] {
    return [...this.#guests.keys()];
  }

  async start(spec: GuestSpec): Promise<GuestHandle> {
    await this.#operate('start', spec.id, async () => {
      if (this.#guests.has(spec.id)) return;
      const { serial, profile, sizeBytes } = spec.rootDisk;
      const size = sizeBytes === undefined ? {} : { sizeBytes };
      const root = { serial, profile: { ...profile, queues: spec.vcpus }, ...size };
      await this.#put({
        id: spec.id,
        pid: FIRST_PID + Math.floor(this.#options.random.fraction() * FIRST_PID),
        startedAt: renderTime(this.#options.clock.nowMs()),
        power: 'running',
        boots: 1,
        disks: [root],
        nics: spec.nics.map(({ id }) => id),
        console: `${spec.id}: boot 1\n`,
      });
    });
    return this.#handleOf(spec);
  }

  async recover(handle: GuestHandle): Promise<GuestHandle | undefined> {
    const guest = this.#guests.get(handle.id);
    const isOther = guest === undefined || (handle.pid !== 0 && handle.pid !== guest.pid);
    return isOther ? undefined : this.#handleOf(handle);
  }

  #handleOf(guest: Pick<GuestHandle, 'id' | 'directory' | 'uid'>): GuestHandle {
    const { pid, startedAt } = this.#guests.get(guest.id)!;
    return {
      id: guest.id,
      driver: this.name,
      pid,
      pidStartTicks: 0,
      directory: guest.directory,
      startedAt,
      ...(guest.uid === undefined ? {} : { uid: guest.uid }),
    };
  }

  async inspect(handle: GuestHandle): Promise<GuestStatus> {
    const guest = this.#guests.get(handle.id);
    if (guest?.pid !== handle.pid) return { state: 'gone', reason: 'crashed' };
    return guest.power === 'running'
      ? { state: 'running' }
      : { state: 'gone', reason: 'guest-shutdown' };
  }

  async requestShutdown(handle: GuestHandle): Promise<void> {
    await this.#operate('requestShutdown', handle.id, async () => {
      if (this.#options.ignoresShutdown !== true) await this.powerOff(handle.id);
    });
  }

  async reset(handle: GuestHandle): Promise<void> {
    await this.#operate('reset', handle.id, async () => {
      const guest = this.#get(handle);
      const boots = guest.boots + 1;
      const console = `${guest.console}${guest.id}: boot ${boots}\n`;
      await this.#put({ ...guest, power: 'running', boots, console });
    });
  }

  async destroy(handle: GuestHandle): Promise<void> {
    await this.#operate('destroy', handle.id, () => this.crash(handle.id));
  }

  async attachDisk(handle: GuestHandle, disk: GuestDisk): Promise<DiskProfile> {
    await this.#operate('attachDisk', handle.id, async () => {
      const guest = this.#get(handle);
      if (guest.disks.some(({ serial }) => serial === disk.serial)) return;
      const { serial, profile, sizeBytes } = disk;
      const plugged = { serial, profile, ...(sizeBytes === undefined ? {} : { sizeBytes }) };
      await this.#put({ ...guest, disks: [...guest.disks, plugged] });
    });
    return disk.profile;
  }

  async detachDisk(handle: GuestHandle, volumeId: VolumeId): Promise<boolean> {
    if (this.#options.keepsVolumes === true) return false;
    await this.#operate('detachDisk', handle.id, async () => {
      const guest = this.#get(handle);
      const disks = guest.disks.filter(({ serial }) => serial !== volumeId);
      await this.#put({ ...guest, disks });
    });
    return true;
  }

  async attachNic(handle: GuestHandle, { id }: GuestNic): Promise<void> {
    await this.#operate('attachNic', handle.id, async () => {
      const guest = this.#get(handle);
      const others = (guest.nics ?? []).filter((one) => one !== id);
      await this.#put({ ...guest, nics: [...others, id] });
    });
  }

  async detachNic(handle: GuestHandle, id: InterfaceId): Promise<boolean> {
    await this.#operate('detachNic', handle.id, async () => {
      const guest = this.#get(handle);
      await this.#put({ ...guest, nics: (guest.nics ?? []).filter((one) => one !== id) });
    });
    return true;
  }

  async cutNic(handle: GuestHandle): Promise<void> {
    await this.#operate('cutNic', handle.id, async () => {});
  }

  async listNics(handle: GuestHandle): Promise<InterfaceId[] | undefined> {
    return this.#get(handle).nics;
  }

  async listDisks(handle: GuestHandle): Promise<PluggedDisk[]> {
    return this.#get(handle).disks;
  }

  recallDisks(handle: GuestHandle): Promise<PluggedDisk[]> {
    return this.listDisks(handle);
  }

  async growDisk(handle: GuestHandle, volumeId: VolumeId, sizeBytes: number): Promise<void> {
    await this.#operate('growDisk', handle.id, async () => {
      const guest = this.#get(handle);
      const disks = guest.disks.map((disk) =>
        disk.serial === volumeId ? { ...disk, sizeBytes } : disk,
      );
      await this.#put({ ...guest, disks });
    });
  }

  async resume(): Promise<boolean> {
    return true;
  }

  /** Simulated disks have no targets that could go away. */
  async findCutOff(): Promise<VolumeId[]> {
    return [];
  }

  async reconnectDisk(): Promise<void> {}

  async diskStats(handle: GuestHandle): Promise<DiskStats[]> {
    const zero = { readOps: 0, writeOps: 0, flushOps: 0, readBytes: 0, writeBytes: 0 };
    const times = { readNs: 0, writeNs: 0, flushNs: 0, failedOps: 0 };
    return this.#get(handle).disks.map(({ serial }) => ({ serial, ...zero, ...times }));
  }

  async drainConsole(handle: GuestHandle): Promise<Uint8Array> {
    const guest = this.#get(handle);
    if (guest.console === '') return new Uint8Array();
    await this.#put({ ...guest, console: '' });
    return Buffer.from(guest.console);
  }

  onGuestChange(listener: (id: InstanceId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** What a guest does when its user shuts it down from inside. */
  async powerOff(id: InstanceId): Promise<void> {
    const guest = this.#guests.get(id);
    if (guest === undefined) return;
    await this.#put({ ...guest, power: 'off' });
    for (const listener of this.#listeners) listener(id);
  }

  /** What a killed hypervisor process leaves: nothing. */
  async crash(id: InstanceId): Promise<void> {
    this.#guests.delete(id);
    await removeFile(this.#pathOf(id));
    for (const listener of this.#listeners) listener(id);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
  }

  #get(handle: GuestHandle): SimulatedGuest {
    const guest = this.#guests.get(handle.id);
    if (guest === undefined) throw new Error(`${handle.id} does not run`);
    return guest;
  }

  async #put(guest: SimulatedGuest): Promise<void> {
    await replaceFile(this.#pathOf(guest.id), JSON.stringify(guest));
    this.#guests.set(guest.id, guest);
  }

  #pathOf(id: InstanceId): string {
    return join(this.#options.stateDir, `${id}.json`);
  }

  async #operate(name: string, id: InstanceId, effect: () => Promise<void>): Promise<void> {
    await this.#delay();
    this.#maybeFail(name, id, 'before');
    await effect();
    this.#maybeFail(name, id, 'after');
  }

  async #delay(): Promise<void> {
    const [least, most] = this.#options.delayMs ?? [0, 0];
    if (most === 0) return;
    await this.#options.clock.sleep(least + this.#options.random.fraction() * (most - least));
  }

  #maybeFail(name: string, id: InstanceId, moment: 'before' | 'after'): void {
    const planted = this.#options.fail?.(name, id, moment);
    if (planted !== undefined) throw planted;
    const rate = (this.#options.failureRate ?? 0) / 2;
    if (rate > 0 && this.#options.random.fraction() < rate) {
      throw new Error(`simulated failure ${moment} ${name} of ${id}`);
    }
  }
}
