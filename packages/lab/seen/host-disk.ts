// Owns which disk of the host holds a file, and what that disk saw while something went on.

import { readFile, stat } from 'node:fs/promises';
import type { Clock } from '@ironbark/platform/clock.ts';
import { deviceNumbers } from '@ironbark/platform/device-numbers.ts';
import {
  type DiskStatistics,
  figuresBetween,
  type IntervalFigures,
  meanRequestMs,
  parseDiskStatistics,
} from './disk-statistics.ts';

export interface HostDiskSeen {
  /** As the kernel names it: `sda1`. */
  device: string;
  figures: IntervalFigures;
}

const STATISTICS = '/proc/diskstats';

/** Of the disk that holds a file, or is it. `seen` is absent where the file system is on no one block device, as of memory or of another host. */
export async function watchDiskOf<T>(
  path: string,
  clock: Clock,
  work: () => Promise<T>,
): Promise<{ result: T; seen?: HostDiskSeen }> {
  const before = await readDisk(path, clock);
  const result = await work();
  const after = await readDisk(path, clock);
  if (before === undefined || after === undefined) return { result };
  const figures = figuresBetween(before.counters, after.counters, after.atMs - before.atMs);
  return { result, seen: { device: after.name, figures } };
}

/** What one device of the host saw, by the kernel's name of it, and how many bytes it moved. */
export async function watchDevice<T>(
  device: string,
  clock: Clock,
  work: () => Promise<T>,
): Promise<{
  result: T;
  seen: IntervalFigures & { bytes: number; intervalMs: number; requestMs?: number };
}> {
  const before = await readDevice(device, clock);
  const result = await work();
  const after = await readDevice(device, clock);
  const bytes = bytesOf(after.counters) - bytesOf(before.counters);
  const intervalMs = after.atMs - before.atMs;
  const figures = figuresBetween(before.counters, after.counters, intervalMs);
  const requestMs = meanRequestMs(before.counters, after.counters);
  const timed = requestMs === undefined ? {} : { requestMs };
  return { result, seen: { ...figures, bytes, intervalMs, ...timed } };
}

function bytesOf({ readBytes, writeBytes }: DiskStatistics): number {
  return readBytes + writeBytes;
}

async function readDevice(device: string, clock: Clock) {
  const counters = parseDiskStatistics(await readFile(STATISTICS, 'utf8')).get(device);
  if (counters === undefined) throw new Error(`the kernel counts nothing of ${device}`);
  return { counters, atMs: clock.monotonicMs() };
}

async function readDisk(path: string, clock: Clock) {
  const facts = await stat(path);
  const { major, minor } = deviceNumbers(facts.isBlockDevice() ? facts.rdev : facts.dev);
  const number = `${major}:${minor}`;
  const devices = parseDiskStatistics(await readFile(STATISTICS, 'utf8'));
  const found = [...devices].find(([, counters]) => counters.number === number);
  if (found === undefined) return undefined;
  return { name: found[0], counters: found[1], atMs: clock.monotonicMs() };
}
