// Owns what was measured of a host's disk: the rates that the device gives, and the engine by which guests get most of it.
// It is written by `ironbark lab tune`; nodes go by it, and the efficiency of volumes is held against it.

import type { AioEngine } from './io-profile.ts';

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
  };
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
