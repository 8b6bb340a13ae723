// Owns what the rows of the block benchmark share: the modelled disk, the guest that has it as a volume, and how a
// figure of the guest is put beside the host's own, one after the other in the same run.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { DiskSeen, LabDisk } from '@ironbark/lab/disk/lab-disk.ts';
import { median } from '@ironbark/lab/run/statistics.ts';
import { type DiskModel, TESTBEDS, type TestbedName } from '@ironbark/lab/testbeds.ts';
import {
  forgetPages,
  parseRate,
  type Transfer,
  transferArguments,
} from '@ironbark/lab/workloads/dd.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { LabGuest } from './lab-guest.ts';

/** What every row is given. */
export interface Seat {
  disk: LabDisk;
  /** For what a row makes. */
  folder: string;
  testbed: Exclude<TestbedName, 'native'>;
  repeat: number;
  /** Shorter transfers and lower bars where the design names them. */
  quick: boolean;
}

export interface Bench extends Seat {
  guest: LabGuest;
  /** The guest's name of the modelled disk, attached with the profile that is everybody's default. */
  device: string;
}

/** Of the modelled disk: room for the longest transfer. */
export const DISK_BYTES = 2 * GIB;

export const BENCH_VOLUME: VolumeId = 'vol-0b10cbe4c00000001';

export function modelOf(bench: Pick<Seat, 'testbed'>): DiskModel {
  return TESTBEDS[bench.testbed].disk;
}

/** How a guest on this host opens the modelled disk. */
export function exportOf(disk: LabDisk): BlockExport {
  return { kind: 'nbd-unix', socketPath: disk.socketPath, exportName: 'disk' };
}

export type Direction = 'read' | 'write';

export interface Sample {
  /** MB/s. */
  rate: number;
  seen: DiskSeen;
}

const HOST_TIMEOUT_MS = 180_000;

/** The host's own dd on the disk's file, with nothing of it in the page cache. */
export async function hostSample(
  bench: Seat,
  direction: Direction,
  transfer: Omit<Transfer, 'path'>,
): Promise<Sample> {
  const path = bench.disk.file;
  await forgetPages(systemCommands, path);
  const args = transferArguments(direction, { ...transfer, path });
  const { result, seen } = await bench.disk.watch(() =>
    systemCommands.run('dd', args, { timeoutMs: HOST_TIMEOUT_MS }),
  );
  return { rate: parseRate(result.stderr), seen };
}

/**
 * dd in the guest, with nothing in its page cache. The device is kept open beside it, as a mounted one is and as the
 * host's file is kept: Linux drops the pages of a block device when the last program closes it, and dd counts that.
 */
export async function guestSample(
  bench: Bench,
  direction: Direction,
  transfer: Omit<Transfer, 'path'> & { path?: string },
): Promise<Sample> {
  const { path = bench.device } = transfer;
  const args = transferArguments(direction, { ...transfer, path });
  await bench.guest.dropCaches();
  const command = `exec 3< ${path}; dd ${args.join(' ')}`;
  const { result, seen } = await bench.disk.watch(() => bench.guest.run(command));
  return { rate: parseRate(result), seen };
}

/** The kinds of sample in turn, so that what else the host does meets all of them alike. */
export async function inTurn<Kind extends string>(
  repeat: number,
  kinds: Readonly<Record<Kind, () => Promise<Sample>>>,
): Promise<Record<Kind, Sample[]>> {
  const names = Object.keys(kinds) as Kind[];
  const samples = Object.fromEntries(names.map((name) => [name, [] as Sample[]])) as Record<
    Kind,
    Sample[]
  >;
  for (let n = 0; n < repeat; n++) {
    for (const name of names) samples[name].push(await kinds[name]());
  }
  return samples;
}

/** The sample whose rate is the median. */
export function middleOf(samples: readonly Sample[]): Sample {
  return samples.toSorted((a, b) => a.rate - b.rate)[samples.length >> 1]!;
}

export function medianRatio(samples: readonly Sample[], base: readonly Sample[]): number {
  return median(samples.map(({ rate }, n) => rate / base[n]!.rate));
}

/** Runs `work` with the disk attached a second time, under another profile. */
export async function withProfile<T>(
  bench: Bench,
  profile: DiskProfile,
  work: (device: string) => Promise<T>,
): Promise<T> {
  const serial: VolumeId = 'vol-0b10cbe4c00000002';
  const device = await bench.guest.attach(serial, exportOf(bench.disk), profile);
  try {
    return await work(device);
  } finally {
    await bench.guest.detach(serial);
  }
}

export function mbps(rate: number): string {
  return `${rate.toFixed(1)} MB/s`;
}
