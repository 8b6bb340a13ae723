// Owns the reading of QEMU's block statistics: counters of each disk since the guest started, or since it was plugged.

import { QmpError } from '@ironbark/platform/qmp.ts';
import type { DiskStats, GuestHandle, LatencyHistogram } from '../hypervisor-driver.ts';
import type { Connections } from './connections.ts';

interface BlockStats {
  /** Path of the guest's device, such as `/machine/peripheral/disk-root/virtio-backend`. */
  qdev?: string;
  stats: Readonly<Record<string, unknown>>;
}

const US = 1_000;
const MS = 1_000 * US;
/** From what an SSD does to what a person notices. */
const LATENCY_BOUNDARIES_NS = [
  ...[100 * US, 250 * US, 500 * US],
  ...[1 * MS, 2.5 * MS, 5 * MS, 10 * MS, 25 * MS, 50 * MS, 100 * MS, 250 * MS, 500 * MS],
  ...[1_000 * MS, 5_000 * MS],
];

const DISK_PATH = /\/disk-([^/]+)/;

/** `reply` is that of `query-blockstats`. */
export function parseDiskStats(reply: unknown): DiskStats[] {
  return (reply as BlockStats[]).flatMap(({ qdev, stats }) => {
    const serial = DISK_PATH.exec(qdev ?? '')?.[1];
    return serial === undefined ? [] : [{ serial, ...parseCounters(stats) }];
  });
}

function parseCounters(stats: BlockStats['stats']): Omit<DiskStats, 'serial'> {
  const count = (name: string) => Number(stats[name] ?? 0);
  const readLatency = parseHistogram(stats['rd_latency_histogram']);
  const writeLatency = parseHistogram(stats['wr_latency_histogram']);
  const idleNs = stats['idle_time_ns'];
  return {
    readOps: count('rd_operations'),
    writeOps: count('wr_operations'),
    flushOps: count('flush_operations'),
    readBytes: count('rd_bytes'),
    writeBytes: count('wr_bytes'),
    readNs: count('rd_total_time_ns'),
    writeNs: count('wr_total_time_ns'),
    flushNs: count('flush_total_time_ns'),
    failedOps: count('failed_rd_operations') + count('failed_wr_operations'),
    ...(idleNs === undefined ? {} : { idleNs: Number(idleNs) }),
    ...(readLatency === undefined ? {} : { readLatency }),
    ...(writeLatency === undefined ? {} : { writeLatency }),
  };
}

function parseHistogram(found: unknown): LatencyHistogram | undefined {
  if (found === undefined) return undefined;
  const { boundaries, bins } = found as { boundaries: number[]; bins: number[] };
  return { boundariesNs: boundaries, counts: bins };
}

/** Has QEMU count latencies of every disk that it does not count yet. */
export async function ensureHistograms(
  connections: Connections,
  handle: GuestHandle,
): Promise<void> {
  const reply = (await connections.execute(handle, 'query-blockstats')) as BlockStats[];
  for (const { qdev, stats } of reply) {
    if (qdev === undefined || !DISK_PATH.test(qdev)) continue;
    if (stats['rd_latency_histogram'] !== undefined) continue;
    await countLatencies(connections, handle, qdev);
  }
}

async function countLatencies(
  connections: Connections,
  handle: GuestHandle,
  id: string,
): Promise<void> {
  try {
    const asked = { id, boundaries: LATENCY_BOUNDARIES_NS };
    await connections.execute(handle, 'block-latency-histogram-set', asked);
  } catch (error) {
    // Unplugged just now.
    if (!(error instanceof QmpError)) throw error;
  }
}
