// Owns one measurement: dd once, on the host or in a guest, with nothing in any page cache, and what the disk saw.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { LabGuest } from '../guest/lab-guest.ts';
import type { Workload } from '../matrix/configuration.ts';
import type { Direction } from '../paper/paper-rows.ts';
import { cpuMsOf } from '../seen/threads.ts';
import type { Target, TargetSeen } from '../targets/target.ts';
import { forgetPages, parseRate, transferArguments } from '../workloads/dd.ts';

export interface Sample {
  /** MB/s, as dd says. */
  mbps: number;
  seen: TargetSeen;
  /** Bytes at the disk for each that dd moved. */
  amplification: number;
  /** How busy the guest's busiest processor was, 0 to 1. */
  guestBusy?: number;
}

export interface SampleContext {
  commands: Commands;
  clock: Clock;
  sizeBytes: number;
  signal: AbortSignal;
}

export interface Transfer {
  direction: Direction;
  workload: Workload;
}

/** The paper's slowest row moves a megabyte a second. */
const DD_TIMEOUT_MS = 600_000;
/** busybox's shell takes an applet of its own for a name without a folder, and that one says no rate. */
const GUEST_DD = '/bin/dd';
const PLAIN_WORDS = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

export async function sampleHost(
  context: SampleContext,
  target: Target,
  { direction, workload }: Transfer,
): Promise<Sample> {
  const { commands, sizeBytes: bytes, signal } = context;
  await target.prepare(direction);
  await forgetPages(commands, target.path);
  const transfer = { path: target.path, bytes, direct: workload === 'direct' };
  const args = transferArguments(direction, transfer);
  const options = { timeoutMs: DD_TIMEOUT_MS, signal, env: PLAIN_WORDS };
  const { result, seen } = await target.watch(() => commands.run('dd', args, options));
  return { mbps: parseRate(result.stderr), seen, amplification: seen.bytes / bytes };
}

export interface GuestPlace {
  guest: LabGuest;
  vcpus: number;
  /** The guest's path of its disk. */
  device: string;
}

export async function sampleGuest(
  context: SampleContext,
  target: Target,
  { direction, workload }: Transfer,
  { guest, vcpus, device }: GuestPlace,
): Promise<Sample> {
  const { commands, clock, sizeBytes: bytes } = context;
  await target.prepare(direction);
  await forgetPages(commands, target.path);
  await guest.dropCaches();
  const transfer = { path: device, bytes, direct: workload === 'direct' };
  const command = `${GUEST_DD} ${transferArguments(direction, transfer).join(' ')}`;
  const before = await processorMs(guest, vcpus);
  const startedMs = clock.monotonicMs();
  const { result, seen } = await target.watch(() => guest.run(command, DD_TIMEOUT_MS));
  const tookMs = clock.monotonicMs() - startedMs;
  const after = await processorMs(guest, vcpus);
  const busiest = Math.max(...after.map((ms, n) => ms - before[n]!));
  const guestBusy = Math.min(1, busiest / tookMs);
  return { mbps: parseRate(result), seen, amplification: seen.bytes / bytes, guestBusy };
}

/** Of each of the guest's processors. QEMU names their threads `CPU 0/KVM`. */
async function processorMs({ pid }: LabGuest, vcpus: number): Promise<number[]> {
  const each = Array.from({ length: vcpus }, (_, n) => cpuMsOf(pid, new RegExp(`^CPU ${n}/`)));
  return await Promise.all(each);
}
