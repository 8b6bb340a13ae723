// Owns what was measured of a host's disk: the rates that the device gives, and the engine by which guests get most of it.
// It is written by `ironbark lab tune`; nodes go by it, and the efficiency of volumes is held against it.

import type { AioEngine, DiskProfile, GuestTransport, NicProfile } from './io-profile.ts';
import type { PathRates } from './network-figures.ts';
import { KIB, MIB } from './units.ts';

export interface IoCalibration {
  format: 'ironbark-io-calibration/1';
  /** ISO 8601. */
  measuredAt: string;
  /** Of the host's own program, in order. */
  readBytesPerSecond: number;
  writeBytesPerSecond: number;
  aio: AioEngine;
  /** For people: why this one; a whole sentence. */
  reason: string;
  /** Of one TCP stream between the host and where its guests are plugged; absent where nobody measured it. */
  path?: PathRates;
  /** `host`: by QEMU's block layer without a guest; absent in those of before there was a choice: `guest`. */
  measuredBy?: 'host' | 'guest';
  /** All of what this host's disks, cards and volumes run with; absent in those of before it was written down. */
  profile?: HostIoProfile;
  /** One for each choice that was looked at besides. */
  findings?: CalibrationFinding[];
  /** Choices that are known to be bad and that this host has or leads to. */
  warnings?: KnownBad[];
}

/** The defaults of one host. A tag that asks for a named profile comes before it, but for what was measured of the disk. */
export interface HostIoProfile {
  disk: HostDiskChoices;
  nic: Pick<NicProfile, 'model' | 'offloads' | 'queues' | 'vhost' | 'mtu'>;
  volume: { attachMode: DiskProfile['attachMode']; transport: GuestTransport };
}

export interface HostDiskChoices
  extends Pick<
    DiskProfile,
    'bus' | 'cache' | 'aio' | 'iothread' | 'queues' | 'optimalIoBytes' | 'discard'
  > {
  /** Of volumes. */
  allocation: 'preallocated';
}

/** What this host's measurement decides, what its kernel and wires do, or what is alike on every host. */
export type ChosenBy = 'measurement' | 'host' | 'design';

export interface CalibrationFinding {
  name: FindingName;
  chosen: string;
  /** By candidate; empty where a guest would be needed to measure it. */
  measured: Record<string, number>;
  unit: 'MB/s' | 'requests/s';
  /** For people: why; a whole sentence. */
  reason: string;
  /** Absent in those of before it was said. */
  by?: ChosenBy;
}

export type FindingName =
  | 'bus'
  | 'engine'
  | 'cache'
  | 'allocation'
  | 'read-ahead'
  | 'iothread'
  | 'queues'
  | 'network'
  | 'volume';

export interface KnownBad {
  /** Such as `sparse-with-native-aio`. */
  name: string;
  /** For people; a whole sentence. */
  sentence: string;
}

export interface DeviceRates {
  readBytesPerSecond: number;
  writeBytesPerSecond: number;
}

export const CALIBRATION_FORMAT = 'ironbark-io-calibration/1';
/** In the node's folder. */
export const CALIBRATION_FILE = 'io-calibration.json';

const ENGINES: readonly unknown[] = ['io_uring', 'native', 'threads'] satisfies AioEngine[];

/** Undefined when it is none: nobody depends on one. */
export function parseCalibration(text: string): IoCalibration | undefined {
  const found = parseObject(text) as Partial<Record<keyof IoCalibration, unknown>> | undefined;
  if (found === undefined || found.format !== CALIBRATION_FORMAT) return undefined;
  const { measuredAt, readBytesPerSecond, writeBytesPerSecond, aio, reason } = found;
  if (!isRate(readBytesPerSecond) || !isRate(writeBytesPerSecond)) return undefined;
  if (typeof measuredAt !== 'string' || typeof reason !== 'string') return undefined;
  if (!ENGINES.includes(aio)) return undefined;
  return {
    ...{ format: CALIBRATION_FORMAT, measuredAt, readBytesPerSecond, writeBytesPerSecond },
    ...{ aio: aio as AioEngine, reason },
    ...(found.measuredBy === 'host' || found.measuredBy === 'guest'
      ? { measuredBy: found.measuredBy }
      : {}),
    ...pathOf(found.path),
    ...profileOf(found.profile),
    ...listsOf(found.findings, found.warnings),
  };
}

function pathOf(value: unknown): Pick<IoCalibration, 'path'> {
  const { inBitsPerSecond, outBitsPerSecond } = (value ?? {}) as Partial<PathRates>;
  const isKnown = isRate(inBitsPerSecond) && isRate(outBitsPerSecond);
  return isKnown ? { path: { inBitsPerSecond, outBitsPerSecond } } : {};
}

/** Linux reads twice as far ahead; 0 leaves its own choice. More than a window of 16 MiB is read for nothing. */
export const OPTIMAL_IO_BYTES: readonly number[] = [0, 512 * KIB, 2 * MIB, 8 * MIB];

/** Nodes go by the optimal I/O size; the rest tells people and programs. */
function profileOf(value: unknown): Pick<IoCalibration, 'profile'> {
  const profile = (value ?? {}) as Partial<HostIoProfile>;
  const isWhole = [profile.disk, profile.nic, profile.volume].every(
    (each) => typeof each === 'object' && each !== null,
  );
  const isKnown = isWhole && OPTIMAL_IO_BYTES.includes(profile.disk!.optimalIoBytes);
  return isKnown ? { profile: profile as HostIoProfile } : {};
}

/** What is for people only is left out where it is not as it should be. */
function listsOf(
  findings: unknown,
  warnings: unknown,
): Pick<IoCalibration, 'findings' | 'warnings'> {
  return {
    ...(isListOf<CalibrationFinding>(findings, ['name', 'chosen', 'reason', 'unit'])
      ? { findings }
      : {}),
    ...(isListOf<KnownBad>(warnings, ['name', 'sentence']) ? { warnings } : {}),
  };
}

function isListOf<Item>(value: unknown, texts: readonly string[]): value is Item[] {
  return (
    Array.isArray(value) &&
    value.every((item) => texts.every((name) => typeof item?.[name] === 'string'))
  );
}

function parseObject(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRate(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value > 0;
}

/**
 * What a device would have needed alone for the bytes of an interval, of the time in which somebody had requests at it:
 * 1 is all that it can do. Undefined where nothing was moved.
 */
export function efficiencyOf(
  moved: { readBytes: number; writeBytes: number; busySeconds: number },
  { readBytesPerSecond, writeBytesPerSecond }: DeviceRates,
): number | undefined {
  const { readBytes, writeBytes, busySeconds } = moved;
  if (readBytes + writeBytes === 0 || busySeconds <= 0) return undefined;
  return (readBytes / readBytesPerSecond + writeBytes / writeBytesPerSecond) / busySeconds;
}
