// Owns reading a profile that somebody wrote down: JSON, every member checked, each error with its place. Pure.

import { MIB } from '@ironbark/core/units.ts';
import type { DiskModel, Testbed, WireModel } from '../testbeds.ts';
import { type LabProfile, QUICK_SECONDS } from './lab-profile.ts';

/** What is wrong with a profile, for people; the place first. */
export class ProfileError extends Error {
  constructor(place: string, what: string) {
    super(`${place === '' ? 'the profile' : place} ${what}`);
    this.name = 'ProfileError';
  }
}

/** A profile is a few lines. */
export const MAX_PROFILE_BYTES = 64 * 1024;

type Range = readonly [least: number, most: number];

/** From a floppy disk's rate to that of no disk that one process could stand in for. */
const RATE: Range = [10_000, 100e9];
const DISK_MEMBERS: Readonly<Record<keyof DiskModel, Range>> = {
  readBytesPerSecond: RATE,
  writeBytesPerSecond: RATE,
  seekMs: [0, 1_000],
  nearBytes: [0, 2 ** 40],
  creditMs: [0, 10_000],
};
/** `tc` counts in bits a second; IPv4 needs frames of 576 bytes, and the kernel's virtual wires end at 65,535. */
const WIRE_MEMBERS: Readonly<Record<keyof WireModel, Range>> = {
  bitsPerSecond: [100_000, 1e12],
  mtu: [576, 65_535],
};
const MEMBERS = ['name', 'disk', 'volume', 'wire'];
const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;

/** `name`: where the text has none. Throws ProfileError. */
export function parseProfile(text: string, name: string): LabProfile {
  const profile = parseObject(text);
  rejectUnknown(profile, '', MEMBERS);
  const own = profile['name'] ?? name;
  if (typeof own !== 'string' || !NAME.test(own)) {
    throw new ProfileError('name', 'has to be up to 32 letters, digits and dashes, in lower case');
  }
  const testbed = parseTestbed(profile);
  return { name: own, testbed, sizes: sizesFor(testbed), quickSeconds: QUICK_SECONDS.slow };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new ProfileError('', `is no JSON: ${error instanceof Error ? error.message : error}`);
  }
  return requireObject(value, '');
}

function parseTestbed(profile: Readonly<Record<string, unknown>>): Testbed {
  const disk = parseDisk(profile['disk'], 'disk');
  const volume = parseDisk(profile['volume'], 'volume');
  if (volume !== undefined && disk === undefined) {
    throw new ProfileError(
      'volume',
      'needs a disk beside it: the host’s own disk serves no volume',
    );
  }
  const wire = parseWire(profile['wire']);
  return { disk, ...(volume === undefined ? {} : { volume }), wire };
}

function parseDisk(value: unknown, place: string): DiskModel | undefined {
  if (value === undefined) return undefined;
  const disk = requireObject(value, place);
  rejectUnknown(disk, place, Object.keys(DISK_MEMBERS));
  const number = (member: keyof DiskModel, fallback?: number) =>
    requireNumber(disk[member] ?? fallback, `${place}.${member}`, DISK_MEMBERS[member]);
  return {
    readBytesPerSecond: number('readBytesPerSecond'),
    writeBytesPerSecond: number('writeBytesPerSecond'),
    seekMs: number('seekMs', 0),
    nearBytes: number('nearBytes', 0),
    creditMs: number('creditMs', 0),
  };
}

function parseWire(value: unknown): WireModel | undefined {
  if (value === undefined) return undefined;
  const wire = requireObject(value, 'wire');
  rejectUnknown(wire, 'wire', Object.keys(WIRE_MEMBERS));
  const number = (member: keyof WireModel) =>
    requireNumber(wire[member], `wire.${member}`, WIRE_MEMBERS[member]);
  const mtu = number('mtu');
  if (!Number.isInteger(mtu)) throw new ProfileError('wire.mtu', 'has to be a whole number');
  return { bitsPerSecond: number('bitsPerSecond'), mtu };
}

function requireObject(value: unknown, place: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new ProfileError(place, 'has to be an object, in braces');
}

function rejectUnknown(value: object, place: string, known: readonly string[]): void {
  const unknown = Object.keys(value).find((member) => !known.includes(member));
  if (unknown === undefined) return;
  const path = place === '' ? unknown : `${place}.${unknown}`;
  throw new ProfileError(path, `is not known; there are ${known.join(', ')}`);
}

function requireNumber(value: unknown, place: string, [least, most]: Range): number {
  if (value === undefined) throw new ProfileError(place, 'is missing');
  if (typeof value === 'number' && value >= least && value <= most) return value;
  throw new ProfileError(place, `has to be a number from ${least} to ${most}`);
}

const QUICK_TRANSFER_SECONDS = 2;
const WHOLE_TRANSFER_SECONDS = 5;
/** Files are filled by the mebibyte, and dd's blocks have to come out even. */
const STEP_BYTES = 8 * MIB;
const LEAST_BYTES = 16 * MIB;
const MOST_BYTES = 512 * MIB;
/** As the host's own disk has it. */
const OWN_DISK = { quick: 128 * MIB, whole: MOST_BYTES };

function sizesFor({ disk }: Testbed): LabProfile['sizes'] {
  if (disk === undefined) return OWN_DISK;
  const bytesIn = (seconds: number) => {
    const steps = Math.round((seconds * disk.writeBytesPerSecond) / STEP_BYTES);
    return Math.min(MOST_BYTES, Math.max(LEAST_BYTES, steps * STEP_BYTES));
  };
  return { quick: bytesIn(QUICK_TRANSFER_SECONDS), whole: bytesIn(WHOLE_TRANSFER_SECONDS) };
}
