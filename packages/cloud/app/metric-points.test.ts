// Owns the tests of what is written down of a minute, and of its statistics.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VolumeReading } from '@ironbark/protocol/internal/node-client.ts';
import type { AttachmentRow, VolumeRow } from '../store/schema.ts';
import { MINUTE_MS, planPoints, type Sample } from './metric-points.ts';
import { createSpan, summarize, valueOfMinute } from './metric-statistics.ts';
import { findMetric, readMetric, VOLUME_METRICS } from './volume-metrics.ts';

const START = 30_000_000 * MINUTE_MS;

function volume(changes: Partial<VolumeRow> = {}): VolumeRow {
  return {
    id: 'vol-00000000000000001',
    accountId: '111111111111',
    volumeType: 'io2',
    sizeGib: 10,
    iops: 100,
    throughputMibps: null,
    observedState: 'ready',
    awaySince: null,
    ...changes,
  } as VolumeRow;
}

function attachment(changes: Partial<AttachmentRow> = {}): AttachmentRow {
  const ids = { volumeId: volume().id, instanceId: 'i-00000000000000001' as const };
  return { ...ids, observed: 'attached', createdAt: 5, ...changes } as AttachmentRow;
}

function reading(ops: number, changes: Partial<VolumeReading> = {}): VolumeReading {
  const counters = {
    readOps: ops,
    writeOps: 2 * ops,
    readBytes: ops * 4_096,
    writeBytes: 2 * ops * 1024 * 1024,
    readNs: ops * 1e7,
    writeNs: ops * 2e7,
  };
  const ids = { volumeId: volume().id, instanceId: attachment().instanceId };
  return { ...ids, countedSince: 'a', readAtMs: 0, counters, ...changes };
}

function sample(minute: number, changes: Partial<Sample>): Sample {
  const rows = { volumes: [volume()], attachments: [attachment()], elsewhere: new Set<string>() };
  return { minute: START + minute * MINUTE_MS, ...rows, readings: [], ...changes };
}

function pair(before: Partial<Sample>, after: Partial<Sample>, minutes = 1) {
  return planPoints(sample(0, before), sample(minutes, after));
}

const first = [reading(1_000)];
const second = [reading(1_600, { readAtMs: 60_000 })];

test('a point has what was done between its ends, and every metric follows from it', () => {
  const [point, ...others] = pair({ readings: first }, { readings: second });
  assert.equal(others.length, 0);
  assert.equal(point!.minute, START);
  const read = Object.fromEntries(VOLUME_METRICS.map((m) => [m.name, readMetric(m, point!)]));
  assert.deepEqual(read, {
    VolumeReadBytes: 600 * 4_096,
    VolumeWriteBytes: 1_200 * 1024 * 1024,
    VolumeReadOps: 600,
    VolumeWriteOps: 1_200,
    VolumeTotalReadTime: 6,
    VolumeTotalWriteTime: 12,
    VolumeIdleTime: 42,
    VolumeQueueLength: 0.3,
    VolumeThroughputPercentage: 30,
    VolumeConsumedReadWriteOps: 600 + 4_800,
    VolumeStalledIOCheck: 0,
    AverageRequestSectors: (600 * 8 + 1_200 * 2_048) / 1_800,
    AverageQueueDepth: 0.3,
    Utilisation: 30,
    Efficiency: undefined,
  });
});

test('what was not measured is a gap', () => {
  const cases: [string, Partial<Sample>, Partial<Sample>, number?][] = [
    ['nobody could read it before', {}, { readings: second }],
    ['nobody can read it now', { readings: first }, {}],
    ['a minute was missed', { readings: first }, { readings: second }, 2],
    [
      'the guest began anew',
      { readings: [reading(1, { countedSince: 'b' })] },
      { readings: second },
    ],
    ['counters went back', { readings: [reading(2_000)] }, { readings: second }],
    ['the machine slept', { readings: [reading(1, { readAtMs: -90_000 })] }, { readings: second }],
    [
      'it was attached anew',
      { readings: first },
      { readings: second, attachments: [attachment({ createdAt: 6 })] },
    ],
    ['it was detached', { readings: first }, { readings: second, attachments: [] }],
    ['it is gone', { readings: first }, { readings: second, volumes: [], attachments: [] }],
    [
      'it was just being attached',
      { readings: first },
      { readings: second, attachments: [attachment({ observed: 'attaching' })] },
    ],
    [
      'one of two guests cannot be read',
      { readings: first },
      { readings: second, attachments: [attachment(), attachment({ instanceId: 'i-2' })] },
    ],
  ];
  for (const [what, before, after, minutes] of cases) {
    assert.deepEqual(pair(before, after, minutes), [], what);
  }
  assert.deepEqual(planPoints(undefined, sample(1, { readings: second })), []);
});

test('a volume of two guests has what both did', () => {
  const other = { instanceId: 'i-00000000000000002' as const };
  const attachments = [attachment(), attachment(other)];
  const [point] = pair(
    { attachments, readings: [...first, reading(5, other)] },
    { attachments, readings: [...second, reading(15, { ...other, readAtMs: 60_000 })] },
  );
  assert.equal(point!.readOps, 610);
});

test('a volume that was away for all of the minute has stalled, read or not', () => {
  const stalled = findMetric('AWS/EBS', 'VolumeStalledIOCheck')!;
  const reads = findMetric('AWS/EBS', 'VolumeReadOps')!;
  const away = [volume({ awaySince: START - 1 })];
  const [unread] = pair({ readings: first }, { volumes: away });
  assert.deepEqual([readMetric(stalled, unread!), readMetric(reads, unread!)], [1, undefined]);
  const [read] = pair({ readings: first }, { readings: second, volumes: away });
  assert.deepEqual([readMetric(stalled, read!), readMetric(reads, read!)], [1, 600]);
  const [later] = pair(
    { readings: first },
    { readings: second, volumes: [volume({ awaySince: START + 1 })] },
  );
  assert.equal(readMetric(stalled, later!), 0);
});

test('only volumes with provisioned IOPS have figures of them, and an idle one has no request size', () => {
  const volumes = [volume({ volumeType: 'gp3', iops: 3_000 })];
  const idle = [reading(1_000, { readAtMs: 60_000 })];
  const [point] = pair({ volumes, readings: first }, { volumes, readings: idle });
  const value = (name: string) =>
    readMetric(VOLUME_METRICS.find((metric) => metric.name === name)!, point!);
  assert.deepEqual(
    [point!.provisionedIops, value('VolumeThroughputPercentage')],
    [null, undefined],
  );
  assert.deepEqual([value('VolumeIdleTime'), value('AverageRequestSectors')], [60, undefined]);
});

test('statistics of a period are those of its minutes, and periods without any are not there', () => {
  const at = (minute: number, value: number) => valueOfMinute(START + minute * MINUTE_MS, value);
  const values = [at(0, 5), at(1, 1), at(2, 3), at(10, 7), at(15, 9)];
  const span = createSpan(new Date(START + 12_345), new Date(START + 15 * MINUTE_MS), 300);
  assert.deepEqual(summarize(values, span), [
    { atMs: START, SampleCount: 3, Sum: 9, Average: 3, Minimum: 1, Maximum: 5 },
    { atMs: START + 10 * MINUTE_MS, SampleCount: 1, Sum: 7, Average: 7, Minimum: 7, Maximum: 7 },
  ]);
});

test('efficiency is what was moved of what the disk could have moved meanwhile', () => {
  const device = { readBytesPerSecond: 100e6, writeBytesPerSecond: 1_000e6 };
  const after = [reading(1_600, { readAtMs: 60_000, device })];
  const efficiencyOfPair = (changes: Partial<Sample>) => {
    const [point] = pair({ readings: first }, { readings: after, ...changes });
    return readMetric(findMetric('Ironbark/EBS', 'Efficiency')!, point!);
  };
  // 600 reads of 4 KiB and 1,200 writes of 1 MiB in 18 s of requests, one after the other.
  const ideal = (600 * 4_096) / 100e6 + (1_200 * 2 ** 20) / 1_000e6;
  assert.ok(Math.abs(efficiencyOfPair({})! - (100 * ideal) / 18) < 1e-9);
  assert.equal(efficiencyOfPair({ elsewhere: new Set([volume().id]) }), undefined);
  const [unmeasured] = pair({ readings: first }, { readings: second });
  assert.equal(readMetric(findMetric('Ironbark/EBS', 'Efficiency')!, unmeasured!), undefined);
});
