// Owns the paper's three figures of a disk: average request size, average queue depth, utilisation.

import type { DiskRequest, Service } from './service-times.ts';

const SECTOR_BYTES = 512;

/** What a disk counts since it was last asked to begin again. */
export interface DiskCounters {
  readOps: number;
  writeOps: number;
  readBytes: number;
  writeBytes: number;
  /** Sum over all requests, from coming to being done. */
  residenceMs: number;
  busyMs: number;
  /** When the first came and the last was done; 0 when there was none. */
  firstMs: number;
  lastMs: number;
}

export interface DiskFigures {
  /** Average request, in sectors of 512 bytes. */
  requestSectors: number;
  /** Requests at the disk, on average over the time between the first and the last. */
  queueDepth: number;
  /** Share of that time in which the disk worked. */
  utilisation: number;
}

export function noCounters(): DiskCounters {
  return {
    readOps: 0,
    writeOps: 0,
    readBytes: 0,
    writeBytes: 0,
    residenceMs: 0,
    busyMs: 0,
    firstMs: 0,
    lastMs: 0,
  };
}

/** Counts a request that came at `cameMs`. */
export function countRequest(
  counters: DiskCounters,
  { kind, length }: DiskRequest,
  { cameMs, startMs, endMs }: Service & { cameMs: number },
): void {
  if (kind === 'read') {
    counters.readOps += 1;
    counters.readBytes += length;
  } else {
    counters.writeOps += 1;
    counters.writeBytes += length;
  }
  counters.residenceMs += endMs - cameMs;
  counters.busyMs += endMs - Math.max(startMs, cameMs);
  if (counters.firstMs === 0) counters.firstMs = cameMs;
  counters.lastMs = Math.max(counters.lastMs, endMs);
}

export function figuresOf(counters: DiskCounters): DiskFigures {
  const ops = counters.readOps + counters.writeOps;
  const spanMs = counters.lastMs - counters.firstMs;
  if (ops === 0 || spanMs <= 0) return { requestSectors: 0, queueDepth: 0, utilisation: 0 };
  return {
    requestSectors: (counters.readBytes + counters.writeBytes) / SECTOR_BYTES / ops,
    queueDepth: counters.residenceMs / spanMs,
    utilisation: Math.min(1, counters.busyMs / spanMs),
  };
}
