// Owns volumes' counters as Prometheus reads them (text format 0.0.4). Names follow CloudWatch's.

import type { LatencyHistogram } from '@ironbark/node/drivers/hypervisor-driver.ts';
import type { VolumeFacts } from './admin-api.ts';

type Counted = VolumeFacts & { stats: NonNullable<VolumeFacts['stats']> };

interface Metric {
  name: string;
  help: string;
  kind: 'counter' | 'gauge';
  read: (volume: Counted) => number | undefined;
}

const NS = 1e9;

const METRICS: readonly Metric[] = [
  counter('read_ops_total', 'VolumeReadOps', ({ stats }) => stats.readOps),
  counter('write_ops_total', 'VolumeWriteOps', ({ stats }) => stats.writeOps),
  counter('read_bytes_total', 'VolumeReadBytes', ({ stats }) => stats.readBytes),
  counter('write_bytes_total', 'VolumeWriteBytes', ({ stats }) => stats.writeBytes),
  counter('total_read_time_seconds_total', 'VolumeTotalReadTime', ({ stats }) => stats.readNs / NS),
  counter(
    'total_write_time_seconds_total',
    'VolumeTotalWriteTime',
    ({ stats }) => stats.writeNs / NS,
  ),
  counter(
    'queue_seconds_total',
    'Its rate is VolumeQueueLength, the average queue depth',
    ({ stats }) => (stats.readNs + stats.writeNs) / NS,
  ),
  counter('flush_ops_total', 'Flushes', ({ stats }) => stats.flushOps),
  counter('failed_ops_total', 'Requests that ended in an error', ({ stats }) => stats.failedOps),
  gauge('idle_seconds', 'Since the last request ended', ({ stats }) =>
    stats.idleNs === undefined ? undefined : stats.idleNs / NS,
  ),
  gauge('size_bytes', 'Size', ({ sizeGib }) => sizeGib * 2 ** 30),
  gauge(
    'filled_ratio',
    'How much a volume has of what it began with: its snapshot, or encrypted zeros; from 0 to 1',
    ({ filledPercent = 100 }) => filledPercent / 100,
  ),
  gauge('provisioned_iops', 'Operations a second that it may do', ({ limits }) => limits.iops),
  gauge(
    'device_read_bytes_per_second',
    'What the disk below it gives its host, read in order, as lab tune measured',
    ({ device }) => device?.readBytesPerSecond,
  ),
  gauge(
    'device_write_bytes_per_second',
    'The same, written',
    ({ device }) => device?.writeBytesPerSecond,
  ),
  gauge(
    'provisioned_bytes_per_second',
    'Bytes a second that it may move',
    ({ limits }) => limits.bytesPerSecond,
  ),
];

function counter(name: string, help: string, read: Metric['read']): Metric {
  return { name: `ironbark_volume_${name}`, help, kind: 'counter', read };
}

function gauge(name: string, help: string, read: Metric['read']): Metric {
  return { name: `ironbark_volume_${name}`, help, kind: 'gauge', read };
}

/** Volumes that no running guest has are left out: nobody counts anything of them. */
export function renderVolumeMetrics(volumes: readonly VolumeFacts[]): string {
  const counted = volumes.filter((volume): volume is Counted => volume.stats !== undefined);
  const lines = [
    ...METRICS.flatMap((metric) => renderMetric(metric, counted)),
    ...renderHistogram('read', counted),
    ...renderHistogram('write', counted),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function renderMetric({ name, help, kind, read }: Metric, volumes: readonly Counted[]): string[] {
  const samples = volumes.flatMap((volume) => {
    const value = read(volume);
    return value === undefined ? [] : [`${name}{${labelsOf(volume)}} ${value}`];
  });
  return [`# HELP ${name} ${help}.`, `# TYPE ${name} ${kind}`, ...samples];
}

function renderHistogram(way: 'read' | 'write', volumes: readonly Counted[]): string[] {
  const name = `ironbark_volume_${way}_latency_seconds`;
  const samples = volumes.flatMap((volume) => {
    const { stats } = volume;
    const histogram = way === 'read' ? stats.readLatency : stats.writeLatency;
    if (histogram === undefined) return [];
    const seconds = (way === 'read' ? stats.readNs : stats.writeNs) / NS;
    return renderBuckets(name, labelsOf(volume), { histogram, seconds });
  });
  return [`# HELP ${name} How long requests took.`, `# TYPE ${name} histogram`, ...samples];
}

function renderBuckets(
  name: string,
  labels: string,
  { histogram, seconds }: { histogram: LatencyHistogram; seconds: number },
): string[] {
  let total = 0;
  const buckets = histogram.counts.map((count, at) => {
    total += count;
    const bound = histogram.boundariesNs[at];
    const le = bound === undefined ? '+Inf' : String(bound / NS);
    return `${name}_bucket{${labels},le="${le}"} ${total}`;
  });
  return [...buckets, `${name}_sum{${labels}} ${seconds}`, `${name}_count{${labels}} ${total}`];
}

function labelsOf({ volumeId, instanceId, volumeType, accountId }: Counted): string {
  const labels = { volume_id: volumeId, instance_id: instanceId, volume_type: volumeType };
  const all = Object.entries({ ...labels, account_id: accountId });
  return all.map(([label, value]) => `${label}="${value}"`).join(',');
}
