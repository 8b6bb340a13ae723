// Owns the reading of QEMU's block statistics: counters of each disk since the guest started.

import type { DiskStats } from '../hypervisor-driver.ts';

interface BlockStats {
  /** Path of the guest's device, such as `/machine/peripheral/disk-root/virtio-backend`. */
  qdev?: string;
  stats: Readonly<Record<string, number>>;
}

/** `reply` is that of `query-blockstats`. */
export function parseDiskStats(reply: unknown): DiskStats[] {
  return (reply as BlockStats[]).flatMap(({ qdev, stats }) => {
    const serial = /\/disk-([^/]+)/.exec(qdev ?? '')?.[1];
    if (serial === undefined) return [];
    return [
      {
        serial,
        readOps: stats['rd_operations'] ?? 0,
        writeOps: stats['wr_operations'] ?? 0,
        flushOps: stats['flush_operations'] ?? 0,
        readBytes: stats['rd_bytes'] ?? 0,
        writeBytes: stats['wr_bytes'] ?? 0,
        readNs: stats['rd_total_time_ns'] ?? 0,
        writeNs: stats['wr_total_time_ns'] ?? 0,
      },
    ];
  });
}
