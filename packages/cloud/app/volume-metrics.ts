// Owns the metrics of volumes: names, units, and how each follows from what is kept of a minute. Pure.
//
// AWS/EBS: EBS User Guide, "Amazon CloudWatch metrics for Amazon EBS", as volumes of Nitro instances have them: a point a
// minute, so that SampleCount is the number of minutes. Ironbark/EBS: the three columns of the paper's tables.

import { efficiencyOf } from '@ironbark/core/io-calibration.ts';
import { figuresOf, type VolumeFigures } from '@ironbark/core/volume-figures.ts';
import type { Unit } from '@ironbark/protocol/cloudwatch/types.ts';
import type { VolumeMetricRow } from '../store/volume-metric-schema.ts';

export const DIMENSION = 'VolumeId';
const SECONDS = 60;
/** EBS counts an operation once for each part of this size. */
const CAPACITY_UNIT_BYTES = 256 * 1024;

interface Minute {
  row: VolumeMetricRow;
  /** Absent when nothing could be read. */
  figures: VolumeFigures | undefined;
}

export interface VolumeMetric {
  namespace: 'AWS/EBS' | 'Ironbark/EBS';
  name: string;
  unit: Unit;
  /** Whether volumes such as this one have it. */
  isOf(row: VolumeMetricRow): boolean;
  /** Undefined: there is no such thing in that minute. */
  read(minute: Minute): number | undefined;
}

export const VOLUME_METRICS: readonly VolumeMetric[] = [
  ebs('VolumeReadBytes', 'Bytes', (figures) => figures.VolumeReadBytes),
  ebs('VolumeWriteBytes', 'Bytes', (figures) => figures.VolumeWriteBytes),
  ebs('VolumeReadOps', 'Count', (figures) => figures.VolumeReadOps),
  ebs('VolumeWriteOps', 'Count', (figures) => figures.VolumeWriteOps),
  ebs('VolumeTotalReadTime', 'Seconds', (figures) => figures.VolumeTotalReadTime),
  ebs('VolumeTotalWriteTime', 'Seconds', (figures) => figures.VolumeTotalWriteTime),
  // Of a minute, whatever the readings were apart.
  ebs('VolumeIdleTime', 'Seconds', (figures) => SECONDS * (1 - figures.utilisation)),
  ebs('VolumeQueueLength', 'Count', (figures) => figures.VolumeQueueLength),
  {
    ...ebs(
      'VolumeThroughputPercentage',
      'Percent',
      (figures) => figures.VolumeThroughputPercentage,
    ),
    isOf: isProvisioned,
  },
  {
    ...ebs('VolumeConsumedReadWriteOps', 'Count', countConsumed),
    isOf: isProvisioned,
  },
  {
    namespace: 'AWS/EBS',
    name: 'VolumeStalledIOCheck',
    unit: 'None',
    isOf: ofAll,
    read: ({ row }) => row.isStalled,
  },
  paper('AverageRequestSectors', 'Count', (figures) =>
    figures.VolumeReadOps + figures.VolumeWriteOps === 0
      ? undefined
      : figures.averageRequestSectors,
  ),
  paper('AverageQueueDepth', 'Count', (figures) => figures.averageQueueDepth),
  paper('Utilisation', 'Percent', (figures) => 100 * figures.utilisation),
  {
    namespace: 'Ironbark/EBS',
    name: 'Efficiency',
    unit: 'Percent',
    isOf: ({ deviceReadRate }) => deviceReadRate !== null,
    read: readEfficiency,
  },
];

function ofAll(): boolean {
  return true;
}

function isProvisioned({ provisionedIops }: VolumeMetricRow): boolean {
  return provisionedIops !== null;
}

type ReadFigures = (figures: VolumeFigures) => number | undefined;

function ebs(name: string, unit: Unit, read: ReadFigures): VolumeMetric {
  const readMinute = ({ figures }: Minute) => (figures === undefined ? undefined : read(figures));
  return { namespace: 'AWS/EBS', name, unit, isOf: ofAll, read: readMinute };
}

function paper(name: string, unit: Unit, read: ReadFigures): VolumeMetric {
  return { ...ebs(name, unit, read), namespace: 'Ironbark/EBS' };
}

/** Of what the device could have moved in the time in which the guest had requests under way. */
function readEfficiency({ row, figures }: Minute): number | undefined {
  const { deviceReadRate, deviceWriteRate } = row;
  if (figures === undefined || deviceReadRate === null || deviceWriteRate === null)
    return undefined;
  const efficiency = efficiencyOf(
    {
      readBytes: figures.VolumeReadBytes,
      writeBytes: figures.VolumeWriteBytes,
      busySeconds: figures.intervalSeconds * figures.utilisation,
    },
    { readBytesPerSecond: deviceReadRate, writeBytesPerSecond: deviceWriteRate },
  );
  return efficiency === undefined ? undefined : 100 * efficiency;
}

/**
 * Counters tell how many requests there were and how long all of them together: exact while no request is longer than
 * a unit or all are whole units, and else at least so many.
 */
function countConsumed(figures: VolumeFigures): number {
  const units = (ops: number, bytes: number) =>
    Math.max(ops, Math.ceil(bytes / CAPACITY_UNIT_BYTES));
  return (
    units(figures.VolumeReadOps, figures.VolumeReadBytes) +
    units(figures.VolumeWriteOps, figures.VolumeWriteBytes)
  );
}

export function findMetric(namespace: string, name: string): VolumeMetric | undefined {
  return VOLUME_METRICS.find((one) => one.namespace === namespace && one.name === name);
}

const NOTHING = {
  readOps: 0,
  writeOps: 0,
  readBytes: 0,
  writeBytes: 0,
  readNs: 0,
  writeNs: 0,
};

/** The metric's value in that minute. */
export function readMetric(metric: VolumeMetric, row: VolumeMetricRow): number | undefined {
  return metric.read({ row, figures: readFigures(row) });
}

function readFigures(row: VolumeMetricRow): VolumeFigures | undefined {
  if (row.seconds === null) return undefined;
  const counters = {
    readOps: row.readOps ?? 0,
    writeOps: row.writeOps ?? 0,
    readBytes: row.readBytes ?? 0,
    writeBytes: row.writeBytes ?? 0,
    readNs: row.readNs ?? 0,
    writeNs: row.writeNs ?? 0,
  };
  const iops = row.provisionedIops ?? undefined;
  return figuresOf(NOTHING, counters, { intervalSeconds: row.seconds, iops });
}
