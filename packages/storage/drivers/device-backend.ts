// Owns volumes that each have a whole disk or partition: the smallest free one that fits, zeroed before anybody can
// read it and after the last one has. What a device is in is in its label (device-label.ts).

import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { zeroRange } from '@ironbark/platform/zero-range.ts';
import {
  DONE_PERCENT,
  type StagedBackend,
  type StagedSpace,
  type StagedVolume,
} from '@ironbark/protocol/internal/staged-backend.ts';
import { type OpenedDevice, openDevice, usableBytes } from './device-check.ts';
import { type DeviceLabel, writeLabel } from './device-label.ts';

export interface DeviceBackendOptions {
  /** Paths of disks and partitions. */
  devices: readonly string[];
  commands: Commands;
  clock: Clock;
  logger: Logger;
}

/** Zeroed before the next look at the clock; a slow disk writes this in a second. */
const PIECE_BYTES = 64 * MIB;
/** One call's share, well within what callers wait for an answer. */
const SLICE_MS = 1_000;

/** A device that cannot be used is left out and said; the others serve. */
export async function openDeviceBackend(options: DeviceBackendOptions): Promise<DeviceBackend> {
  const devices: OpenedDevice[] = [];
  const problems: string[] = [];
  for (const path of options.devices) {
    try {
      devices.push(await openDevice(path, options.commands));
    } catch (error) {
      options.logger.error('a disk is not used', { path, error });
      problems.push(error instanceof Error ? error.message : String(error));
    }
  }
  return new DeviceBackend(devices, problems, options.clock);
}

export class DeviceBackend implements StagedBackend, AsyncDisposable {
  readonly #devices: readonly OpenedDevice[];
  readonly #clock: Clock;
  /** What they failed to keep is not known: they stay as they are until the next start. */
  readonly #failed = new Set<OpenedDevice>();
  /** Of disks that could not be used at the start. */
  readonly #problems: readonly string[];
  /** Of label changes: two volumes must not choose the same device. */
  #choosing: Promise<unknown> = Promise.resolve();

  constructor(devices: readonly OpenedDevice[], problems: readonly string[], clock: Clock) {
    this.#devices = devices;
    this.#problems = problems;
    this.#clock = clock;
  }

  /** For people: what of the disks is not well. */
  listProblems(): string[] {
    return [...this.#problems, ...[...this.#failed].map((each) => failedBefore(each).message)];
  }

  /** For the volume's daemon. */
  findDevice(id: VolumeId): { path: string; rdev: number; sizeBytes: number } | undefined {
    const device = this.#find(id);
    if (device?.label?.state !== 'ready') return undefined;
    const { path, rdev, label } = device;
    return { path, rdev, sizeBytes: label.sizeBytes };
  }

  async inspect(id: VolumeId): Promise<StagedVolume | undefined> {
    const label = this.#find(id)?.label;
    return label === undefined || label.state === 'making'
      ? undefined
      : { sizeBytes: label.sizeBytes };
  }

  async list(): Promise<VolumeId[]> {
    return this.#labels((label) => label.state !== 'making');
  }

  async listUnfinished(): Promise<VolumeId[]> {
    return this.#labels((label) => label.state === 'making');
  }

  async prepare(id: VolumeId, sizeBytes: number): Promise<number> {
    const device = this.#find(id) ?? (await this.#choose(id, sizeBytes));
    if (device.label?.state === 'ready') return DONE_PERCENT;
    return await this.#clear(device, 'making');
  }

  async write(id: VolumeId, offset: number, bytes: Uint8Array): Promise<void> {
    const device = this.#get(id);
    const { state, sizeBytes, clearedBytes } = device.label;
    const isReadyForIt = state === 'making' && clearedBytes === sizeBytes;
    if (!isReadyForIt || offset + bytes.length > sizeBytes) {
      throw new Error(`${id} cannot be written at ${offset} while it is ${state}`);
    }
    await writeFully(device.handle, bytes, offset);
  }

  async finish(id: VolumeId): Promise<void> {
    const device = this.#get(id);
    const { state, sizeBytes, clearedBytes } = device.label;
    if (state === 'ready') return;
    if (state !== 'making' || clearedBytes !== sizeBytes) throw new Error(`${id} is ${state}`);
    await this.#relabel(device, { ...device.label, state: 'ready' });
  }

  async grow(id: VolumeId, sizeBytes: number): Promise<number> {
    const device = this.#get(id);
    const { label } = device;
    if (label.state !== 'ready') throw new Error(`${id} is ${label.state}`);
    if (label.sizeBytes >= sizeBytes) return DONE_PERCENT;
    if (sizeBytes > usableBytes(device)) throw tooShort(device, sizeBytes);
    // Each piece belongs to the volume as soon as it is zeros: a crash loses one piece of work.
    const until = await this.#zero(device, label.sizeBytes, sizeBytes);
    await this.#relabel(device, { ...label, sizeBytes: until });
    return until === sizeBytes ? DONE_PERCENT : percentOf(until, sizeBytes);
  }

  async remove(id: VolumeId): Promise<number> {
    const device = this.#find(id);
    if (device?.label === undefined) return DONE_PERCENT;
    if (device.label.state !== 'wiping') {
      await this.#relabel(device, { ...device.label, state: 'wiping', clearedBytes: 0 });
    }
    const percent = await this.#clear(device, 'wiping');
    if (percent === DONE_PERCENT) await this.#relabel(device, undefined);
    return percent;
  }

  async space(): Promise<StagedSpace> {
    const free = this.#devices.filter((each) => this.#isFree(each)).map(usableBytes);
    return {
      totalBytes: this.#devices.reduce((total, each) => total + usableBytes(each), 0),
      freeBytes: free.reduce((total, each) => total + each, 0),
      largestBytes: Math.max(0, ...free),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { handle } of this.#devices) await handle.close();
  }

  #isFree(device: OpenedDevice): boolean {
    return device.label === undefined && !this.#failed.has(device);
  }

  #labels(test: (label: DeviceLabel) => boolean): VolumeId[] {
    return this.#devices.flatMap(({ label }) =>
      label !== undefined && test(label) ? [label.volumeId] : [],
    );
  }

  #find(id: VolumeId): OpenedDevice | undefined {
    return this.#devices.find(({ label }) => label?.volumeId === id);
  }

  #get(id: VolumeId): OpenedDevice & { label: DeviceLabel } {
    const device = this.#find(id);
    if (device?.label === undefined) throw new Error(`no device holds ${id}`);
    return device as OpenedDevice & { label: DeviceLabel };
  }

  #choose(id: VolumeId, sizeBytes: number): Promise<OpenedDevice> {
    const chosen = this.#choosing.then(async () => {
      const fitting = this.#devices
        .filter((each) => this.#isFree(each) && usableBytes(each) >= sizeBytes)
        .sort((one, other) => one.sizeBytes - other.sizeBytes);
      const [device] = fitting;
      if (device === undefined) throw noneFits(sizeBytes, (await this.space()).largestBytes);
      const label = { volumeId: id, state: 'making', sizeBytes, clearedBytes: 0 } as const;
      await this.#relabel(device, label);
      return device;
    });
    this.#choosing = chosen.catch(() => {});
    return chosen;
  }

  async #clear(device: OpenedDevice, expected: 'making' | 'wiping'): Promise<number> {
    const { label } = device;
    if (label?.state !== expected) throw new Error(`${device.path} is not ${expected}`);
    if (label.clearedBytes === label.sizeBytes) return DONE_PERCENT;
    const clearedBytes = await this.#zero(device, label.clearedBytes, label.sizeBytes);
    await this.#relabel(device, { ...label, clearedBytes });
    return percentOf(clearedBytes, label.sizeBytes);
  }

  /** How far it came within its time. */
  async #zero(device: OpenedDevice, from: number, to: number): Promise<number> {
    const deadline = this.#clock.monotonicMs() + SLICE_MS;
    let at = from;
    do {
      const length = Math.min(PIECE_BYTES, to - at);
      await zeroRange(device.handle, at, length);
      at += length;
    } while (at < to && this.#clock.monotonicMs() < deadline);
    return at;
  }

  async #relabel(device: OpenedDevice, label: DeviceLabel | undefined): Promise<void> {
    if (this.#failed.has(device)) throw failedBefore(device);
    try {
      await writeLabel(device.handle, device.sizeBytes, label);
    } catch (error) {
      // The kernel may have dropped the bytes, and the second time it would say nothing.
      this.#failed.add(device);
      throw error;
    }
    device.label = label;
  }
}

function percentOf(done: number, all: number): number {
  return Math.floor((done * DONE_PERCENT) / all);
}

function noneFits(sizeBytes: number, largestBytes: number): ServiceError {
  const largest =
    largestBytes === 0 ? 'none is free' : `the largest has ${renderBytes(largestBytes)}`;
  return new ServiceError({
    kind: 'out-of-space',
    resource: 'volume',
    message: `No free disk has room for ${renderBytes(sizeBytes)}: ${largest}.`,
  });
}

function failedBefore({ path }: OpenedDevice): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: `The disk ${path} has failed to keep what was written; it is left alone until the next start.`,
  });
}

function tooShort(device: OpenedDevice, sizeBytes: number): ServiceError {
  return new ServiceError({
    kind: 'out-of-space',
    resource: 'volume',
    message: `The volume's disk has room for ${renderBytes(usableBytes(device))}, not for ${renderBytes(sizeBytes)}.`,
  });
}
