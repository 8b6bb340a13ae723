// Owns what a block device of the host counted in an interval, as the paper reports it: from two readings of
// /proc/diskstats (the kernel's Documentation/admin-guide/iostats.rst).

import type { DiskFigures } from '../disk/disk-figures.ts';

/** Counters of one device since the host started. */
export interface DiskStatistics {
  /** `8:1`: major and minor. */
  number: string;
  readOps: number;
  writeOps: number;
  readBytes: number;
  writeBytes: number;
  /** Over all requests, from being queued to being done. */
  readMs: number;
  writeMs: number;
  /** Time with at least one request under way. */
  busyMs: number;
}

/** What the paper's columns do not say: how the requests were mixed and how long each took. */
export interface IntervalFigures extends DiskFigures {
  readBytesPerSecond: number;
  writeBytesPerSecond: number;
  /** Milliseconds from being queued to being done; undefined where there was none. */
  readLatencyMs: number | undefined;
  writeLatencyMs: number | undefined;
}

/** A sector of /proc/diskstats is this, whatever the device says. */
const SECTOR_BYTES = 512;

/** Fields after the device's name, from 0. */
const FIELD = { readOps: 0, readSectors: 2, readMs: 3, writeOps: 4, writeSectors: 6, writeMs: 7 };
const BUSY_MS = 9;
/** Major, minor, name. */
const BEFORE_FIELDS = 3;

export function parseDiskStatistics(text: string): Map<string, DiskStatistics> {
  const devices = new Map<string, DiskStatistics>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    const name = words[2];
    if (name === undefined) continue;
    const field = (at: number) => Number(words[BEFORE_FIELDS + at]);
    devices.set(name, {
      number: `${words[0]}:${words[1]}`,
      readOps: field(FIELD.readOps),
      writeOps: field(FIELD.writeOps),
      readBytes: field(FIELD.readSectors) * SECTOR_BYTES,
      writeBytes: field(FIELD.writeSectors) * SECTOR_BYTES,
      readMs: field(FIELD.readMs),
      writeMs: field(FIELD.writeMs),
      busyMs: field(BUSY_MS),
    });
  }
  return devices;
}

/** The paper's avgrq-sz, avgqu-sz and %util: iostat's newer columns of similar names have other units. */
export function figuresBetween(
  before: DiskStatistics,
  after: DiskStatistics,
  intervalMs: number,
): IntervalFigures {
  const since = (name: Exclude<keyof DiskStatistics, 'number'>) => after[name] - before[name];
  const [reads, writes] = [since('readOps'), since('writeOps')];
  const bytes = since('readBytes') + since('writeBytes');
  const perSecond = (count: number) => (intervalMs > 0 ? (count * 1_000) / intervalMs : 0);
  const share = (ms: number) => (intervalMs > 0 ? ms / intervalMs : 0);
  return {
    requestSectors: reads + writes === 0 ? 0 : bytes / SECTOR_BYTES / (reads + writes),
    queueDepth: share(since('readMs') + since('writeMs')),
    utilisation: Math.min(1, share(since('busyMs'))),
    readBytesPerSecond: perSecond(since('readBytes')),
    writeBytesPerSecond: perSecond(since('writeBytes')),
    readLatencyMs: reads === 0 ? undefined : since('readMs') / reads,
    writeLatencyMs: writes === 0 ? undefined : since('writeMs') / writes,
  };
}

/** From being queued to being done, of reads and writes together; undefined where there was none. */
export function meanRequestMs(before: DiskStatistics, after: DiskStatistics): number | undefined {
  const requests = after.readOps + after.writeOps - before.readOps - before.writeOps;
  const ms = after.readMs + after.writeMs - before.readMs - before.writeMs;
  return requests === 0 ? undefined : ms / requests;
}
