// Owns what is written down of a minute: from two readings of the volumes' counters, one at each of its ends. Pure.
//
// What was not measured is a gap, never a zero: a minute in which a volume was attached or detached, in which its guest
// began anew, or at whose ends nobody could read its counters.

import type { DeviceRates } from '@ironbark/core/io-calibration.ts';
import { type DiskCounters, figuresOf } from '@ironbark/core/volume-figures.ts';
import type { VolumeReading } from '@ironbark/protocol/internal/node-client.ts';
import { type AttachmentRow, toFlag, type VolumeRow } from '../store/schema.ts';
import type { VolumeMetricRow } from '../store/volume-metric-schema.ts';
import { viewHealth } from './volume-health.ts';
import { limitsOfShape } from './volume-shape.ts';

export const MINUTE_MS = 60_000;
/** A reading that is later than this after the full minute is none of it: the machine slept, or is far too busy. */
export const LATEST_READING_MS = 15_000;

/** AWS keeps points of a minute for 15 days. */
export const KEPT_MINUTES = 14 * 24 * 60;

export interface Sample {
  /** The full minute at which it was taken. */
  minute: number;
  volumes: readonly VolumeRow[];
  attachments: readonly AttachmentRow[];
  readings: readonly VolumeReading[];
  /** Whose bytes are not on the node's own disk. */
  elsewhere: ReadonlySet<string>;
}

/** The rows of the minute between the two, which have to be of minutes that follow each other. */
export function planPoints(before: Sample | undefined, after: Sample): VolumeMetricRow[] {
  if (before?.minute !== after.minute - MINUTE_MS) return [];
  const past = indexSample(before);
  const present = indexSample(after);
  return after.volumes.flatMap((volume) => {
    const users = after.attachments.filter(({ volumeId }) => volumeId === volume.id);
    const inUse = users.filter(({ observed }) => observed === 'attached');
    if (inUse.length === 0) return [];
    const deltas = inUse.map((attachment) => countBetween(past, present, attachment));
    const isStalled = hasStalled(volume, inUse[0]!, before.minute);
    const counts = deltas.some((delta) => delta === undefined) ? undefined : sum(deltas);
    if (counts === undefined && !isStalled) return [];
    const device = after.elsewhere.has(volume.id) ? undefined : deviceOf(after, inUse);
    return [renderPoint(volume, before.minute, { counts, isStalled, device })];
  });
}

interface Counts extends DiskCounters {
  seconds: number;
}

/** Attachment and what its guest counts from, to its reading: the same key means the same counting. */
type SampleIndex = ReadonlyMap<string, VolumeReading>;

function indexSample({ attachments, readings }: Sample): SampleIndex {
  const made = new Map(attachments.map((row) => [keyOf(row), row.createdAt]));
  const known = readings.filter((reading) => made.has(keyOf(reading)));
  return new Map(known.map((one) => [`${keyOf(one)} ${made.get(keyOf(one))}`, one]));
}

function keyOf({ volumeId, instanceId }: Pick<AttachmentRow, 'volumeId' | 'instanceId'>): string {
  return `${volumeId} ${instanceId}`;
}

function countBetween(
  past: SampleIndex,
  present: SampleIndex,
  attachment: AttachmentRow,
): Counts | undefined {
  const key = `${keyOf(attachment)} ${attachment.createdAt}`;
  const [before, after] = [past.get(key), present.get(key)];
  if (before === undefined || before.countedSince !== after?.countedSince) return undefined;
  const seconds = (after.readAtMs - before.readAtMs) / 1_000;
  // Counters that went back began anew.
  if (figuresOf(before.counters, after.counters, { intervalSeconds: seconds }) === undefined) {
    return undefined;
  }
  const isMinute = Math.abs(seconds * 1_000 - MINUTE_MS) <= LATEST_READING_MS;
  return isMinute ? { ...subtract(after.counters, before.counters), seconds } : undefined;
}

const NAMES = ['readOps', 'writeOps', 'readBytes', 'writeBytes', 'readNs', 'writeNs'] as const;

function subtract(after: DiskCounters, before: DiskCounters): DiskCounters {
  const entries = NAMES.map((name) => [name, Math.max(0, after[name] - before[name])]);
  return Object.fromEntries(entries) as unknown as DiskCounters;
}

/** Of all guests that have the volume. */
function sum(deltas: readonly (Counts | undefined)[]): Counts {
  const known = deltas.filter((delta) => delta !== undefined);
  const total = (name: keyof DiskCounters) => known.reduce((all, one) => all + one[name], 0);
  const entries = NAMES.map((name) => [name, total(name)]);
  const seconds = Math.max(...known.map((one) => one.seconds));
  return { ...(Object.fromEntries(entries) as unknown as DiskCounters), seconds };
}

/** For the whole minute: EBS's check fails when no request ends for that long. */
function hasStalled(volume: VolumeRow, attachment: AttachmentRow, minute: number): boolean {
  const isStalled = viewHealth(volume, attachment).ioPerformance === 'stalled';
  return isStalled && volume.awaySince !== null && volume.awaySince <= minute;
}

const NO_COUNTS = {
  seconds: null,
  readOps: null,
  writeOps: null,
  readBytes: null,
  writeBytes: null,
  readNs: null,
  writeNs: null,
};

interface Found {
  counts: Counts | undefined;
  isStalled: boolean;
  device: DeviceRates | undefined;
}

/** All of its guests are served by one disk: whichever node knows it. */
function deviceOf({ readings }: Sample, inUse: readonly AttachmentRow[]): DeviceRates | undefined {
  const keys = new Set(inUse.map(keyOf));
  return readings.find((one) => keys.has(keyOf(one)) && one.device !== undefined)?.device;
}

function renderPoint(
  volume: VolumeRow,
  minute: number,
  { counts, isStalled, device }: Found,
): VolumeMetricRow {
  const isProvisioned = volume.volumeType === 'io1' || volume.volumeType === 'io2';
  return {
    accountId: volume.accountId,
    volumeId: volume.id,
    minute,
    ...(counts ?? NO_COUNTS),
    provisionedIops: isProvisioned ? (limitsOfShape(volume).iops ?? null) : null,
    isStalled: toFlag(isStalled),
    deviceReadRate: device?.readBytesPerSecond ?? null,
    deviceWriteRate: device?.writeBytesPerSecond ?? null,
  };
}
