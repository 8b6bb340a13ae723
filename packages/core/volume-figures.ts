// Owns what is said of a disk's work in an interval: from two readings of its counters. Pure.
//
// Names are CloudWatch's for EBS (EBS User Guide, "Amazon CloudWatch metrics for Amazon EBS"), and the three columns of
// the paper's tables: average request in sectors, average queue depth, utilisation.

/** Counters that only grow, until the disk is unplugged or its guest ends. */
export interface DiskCounters {
  readOps: number;
  writeOps: number;
  readBytes: number;
  writeBytes: number;
  readNs: number;
  writeNs: number;
}

export interface VolumeFigures {
  intervalSeconds: number;
  VolumeReadOps: number;
  VolumeWriteOps: number;
  VolumeReadBytes: number;
  VolumeWriteBytes: number;
  /** Seconds, over all requests. */
  VolumeTotalReadTime: number;
  VolumeTotalWriteTime: number;
  /** Seconds without a request: at least so many, see {@link utilisation}. */
  VolumeIdleTime: number;
  VolumeQueueLength: number;
  /**
   * Of the operations that it may do; absent where there is no limit. A limit lets a few more through when it has been
   * still for a moment: what is delivered is not more than all of what was provisioned.
   */
  VolumeThroughputPercentage?: number;
  averageRequestSectors: number;
  averageQueueDepth: number;
  /**
   * Share of the interval with a request under way. Counters tell the sum of the requests' times: exact while one
   * follows another, and at most this where several were under way together.
   */
  utilisation: number;
}

const SECTOR_BYTES = 512;
const NS = 1e9;

/** Undefined when there is no such interval: the counters began anew in it. */
export function figuresOf(
  before: DiskCounters,
  after: DiskCounters,
  { intervalSeconds, iops }: { intervalSeconds: number; iops?: number | undefined },
): VolumeFigures | undefined {
  const since = (name: keyof DiskCounters) => after[name] - before[name];
  const ops = since('readOps') + since('writeOps');
  const names: (keyof DiskCounters)[] = ['readOps', 'writeOps', 'readBytes', 'writeBytes'];
  if (intervalSeconds <= 0 || names.some((name) => since(name) < 0)) return undefined;
  const bytes = since('readBytes') + since('writeBytes');
  const readTime = since('readNs') / NS;
  const writeTime = since('writeNs') / NS;
  const depth = (readTime + writeTime) / intervalSeconds;
  const utilisation = Math.min(1, depth);
  const share =
    iops === undefined ? undefined : Math.min(100, (100 * ops) / (iops * intervalSeconds));
  return {
    intervalSeconds,
    VolumeReadOps: since('readOps'),
    VolumeWriteOps: since('writeOps'),
    VolumeReadBytes: since('readBytes'),
    VolumeWriteBytes: since('writeBytes'),
    VolumeTotalReadTime: readTime,
    VolumeTotalWriteTime: writeTime,
    VolumeIdleTime: intervalSeconds * (1 - utilisation),
    VolumeQueueLength: depth,
    ...(share === undefined ? {} : { VolumeThroughputPercentage: share }),
    averageRequestSectors: ops === 0 ? 0 : bytes / SECTOR_BYTES / ops,
    averageQueueDepth: depth,
    utilisation,
  };
}
