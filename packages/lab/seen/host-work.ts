// Owns what the host itself did in an interval: how busy its processors were, how many interrupts they took, and how often a
// guest under KVM left for its host. From /proc/stat (proc(5)) and KVM's own counters (Documentation/virt/kvm/api.rst, "Statistics").

import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@ironbark/platform/clock.ts';

export interface HostWork {
  /** Share of all of its processors' time, 0 to 1, in which they worked, for whomever. */
  processors: number;
  /** Of all devices, timers and other processors. */
  interruptsPerSecond: number;
  /** Absent where the guest is emulated, or its host's counters are not to be read. */
  exitsPerSecond?: number;
}

export interface HostReading {
  /** In the kernel's ticks, of all processors together. */
  busyTicks: number;
  allTicks: number;
  interrupts: number;
  exits?: number;
}

const STATISTICS = '/proc/stat';
/** The folder of a guest is `PID-FD`; there for root, where debugfs is mounted. */
const KVM_FOLDER = '/sys/kernel/debug/kvm';
/** Of the line `cpu`: user, nice, system, idle, iowait, irq, softirq, steal; guests' time is among the users'. */
const IDLE = [3, 4];
const COUNTED = 8;

/** `pid`: of a guest's QEMU. Undefined where the kernel does not say. */
export async function readHostWork(
  pid?: number,
  places: { statistics: string; kvm: string } = { statistics: STATISTICS, kvm: KVM_FOLDER },
): Promise<HostReading | undefined> {
  const text = await readFile(places.statistics, 'utf8').catch(() => '');
  const reading = parseHostWork(text);
  if (reading === undefined || pid === undefined) return reading;
  const exits = await readExits(places.kvm, pid);
  return exits === undefined ? reading : { ...reading, exits };
}

export function parseHostWork(text: string): HostReading | undefined {
  const numbersOf = (name: string) =>
    new RegExp(`^${name} +(.*)$`, 'm').exec(text)?.[1]?.split(' ').map(Number);
  const [ticks, interrupts] = [numbersOf('cpu')?.slice(0, COUNTED), numbersOf('intr')?.[0]];
  if (ticks?.length !== COUNTED || interrupts === undefined) return undefined;
  const sum = (of: readonly number[]) => of.reduce((all, one) => all + one, 0);
  const allTicks = sum(ticks);
  return { allTicks, busyTicks: allTicks - sum(IDLE.map((at) => ticks[at]!)), interrupts };
}

async function readExits(folder: string, pid: number): Promise<number | undefined> {
  const names = await readdir(folder).catch(() => []);
  const own = names.find((name) => name.startsWith(`${pid}-`));
  if (own === undefined) return undefined;
  const text = await readFile(join(folder, own, 'exits'), 'utf8').catch(() => '');
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

/** Undefined where one of the two is missing, or no time lies between them. */
export function hostWorkBetween(
  before: HostReading | undefined,
  after: HostReading | undefined,
  intervalMs: number,
): HostWork | undefined {
  if (before === undefined || after === undefined || intervalMs <= 0) return undefined;
  const ticks = after.allTicks - before.allTicks;
  const perSecond = (count: number) => (1_000 * count) / intervalMs;
  const work = {
    processors: ticks <= 0 ? 0 : (after.busyTicks - before.busyTicks) / ticks,
    interruptsPerSecond: perSecond(after.interrupts - before.interrupts),
  };
  if (before.exits === undefined || after.exits === undefined) return work;
  return { ...work, exitsPerSecond: perSecond(after.exits - before.exits) };
}

/** `pid`: of a guest's QEMU. `work` has a member only where the kernel said so before and after. */
export async function watchHost<T>(
  { clock, pid }: { clock: Clock; pid?: number },
  work: () => Promise<T>,
): Promise<{ result: T; work: { work?: HostWork } }> {
  const before = await readHostWork(pid);
  const beganMs = clock.monotonicMs();
  const result = await work();
  const tookMs = clock.monotonicMs() - beganMs;
  const found = hostWorkBetween(before, await readHostWork(pid), tookMs);
  return { result, work: found === undefined ? {} : { work: found } };
}
