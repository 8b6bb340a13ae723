import assert from 'node:assert/strict';
import { test } from 'node:test';
import { limitsOf } from '@ironbark/core/volume-types.ts';
import type { VolumeFacts } from './admin-api.ts';
import { renderVolumeMetrics } from './volume-metrics.ts';

const VOLUME: VolumeFacts = {
  volumeId: 'vol-0123456789abcdef0',
  accountId: '123456789012',
  state: 'in-use',
  volumeType: 'gp3',
  sizeGib: 1,
  filledPercent: 42,
  limits: limitsOf({ type: 'gp3', sizeGib: 1 }),
  instanceId: 'i-0123456789abcdef0',
  deviceName: '/dev/sdf',
  readAtMs: 1,
  device: { readBytesPerSecond: 200e6, writeBytesPerSecond: 100e6 },
  stats: {
    serial: 'vol-0123456789abcdef0',
    readOps: 3,
    writeOps: 4,
    flushOps: 1,
    readBytes: 12_288,
    writeBytes: 16_384,
    readNs: 1.5e9,
    writeNs: 0.5e9,
    flushNs: 0,
    failedOps: 0,
    readLatency: { boundariesNs: [1_000_000, 10_000_000], counts: [1, 0, 2] },
  },
};
const LABELS =
  'volume_id="vol-0123456789abcdef0",instance_id="i-0123456789abcdef0",volume_type="gp3",account_id="123456789012"';

test('counters, gauges and histograms are what Prometheus takes', () => {
  const text = renderVolumeMetrics([VOLUME]);
  const lines = text.split('\n');
  for (const expected of [
    '# TYPE ironbark_volume_read_ops_total counter',
    `ironbark_volume_read_ops_total{${LABELS}} 3`,
    `ironbark_volume_device_write_bytes_per_second{${LABELS}} 100000000`,
    `ironbark_volume_total_read_time_seconds_total{${LABELS}} 1.5`,
    `ironbark_volume_queue_seconds_total{${LABELS}} 2`,
    `ironbark_volume_provisioned_iops{${LABELS}} 3000`,
    `ironbark_volume_filled_ratio{${LABELS}} 0.42`,
    '# TYPE ironbark_volume_read_latency_seconds histogram',
    `ironbark_volume_read_latency_seconds_bucket{${LABELS},le="0.001"} 1`,
    `ironbark_volume_read_latency_seconds_bucket{${LABELS},le="0.01"} 1`,
    `ironbark_volume_read_latency_seconds_bucket{${LABELS},le="+Inf"} 3`,
    `ironbark_volume_read_latency_seconds_count{${LABELS}} 3`,
  ]) {
    assert.ok(lines.includes(expected), `${expected} is not in\n${text}`);
  }
  const form = /^(?:# (?:HELP|TYPE) [a-z_]+ .+|[a-z_]+\{(?:[a-z_]+="[^"\\\n]*",?)+\} [\d.e+-]+)$/;
  for (const line of lines.slice(0, -1)) assert.match(line, form);
  assert.equal(lines.at(-1), '');
});

test('a volume that no guest has open has no counters', () => {
  const { stats: _stats, readAtMs: _readAtMs, ...idle } = VOLUME;
  const text = renderVolumeMetrics([idle]);
  assert.ok(!text.includes('vol-'), text);
});
