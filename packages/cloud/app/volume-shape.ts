// Owns which sizes, rates and types of a volume may be ordered together, and what it then shows and does.
//
// Error codes are EC2's: a parameter that the type does not take is InvalidParameterCombination, a value outside its
// range or ratio InvalidParameterValue, one that has to be there MissingParameter.

import {
  baselineOfGp2,
  isVolumeType,
  limitsOf,
  type Range,
  VOLUME_TYPES,
  type VolumeLimits,
  type VolumeType,
} from '@ironbark/core/volume-types.ts';
import { toFlag, type VolumeShape } from '../store/schema.ts';
import { invalidCombination, invalidValue, missingParameter, refuse } from './refusals.ts';
import { checkMultiAttachType } from './shared-volumes.ts';

/** EC2's own. */
export const DEFAULT_VOLUME_TYPE = 'gp2';

/** What a caller orders of a volume whose size is settled elsewhere. */
export interface RateWish {
  volumeType: VolumeType;
  iops: number | undefined;
  throughputMibps: number | undefined;
  /** Undefined: as it is, and of a new volume no. */
  multiAttach?: boolean | undefined;
}

export function parseVolumeType(name: string | undefined): VolumeType {
  if (name === undefined) return DEFAULT_VOLUME_TYPE;
  if (isVolumeType(name)) return name;
  const known = Object.keys(VOLUME_TYPES).join(', ');
  throw invalidValue('VolumeType', name, `The types are ${known}.`);
}

export function parseRates(input: {
  VolumeType?: string | undefined;
  Iops?: number | undefined;
  Throughput?: number | undefined;
  MultiAttachEnabled?: boolean | undefined;
}): RateWish {
  const { Iops: iops, Throughput: throughputMibps, MultiAttachEnabled: multiAttach } = input;
  return { volumeType: parseVolumeType(input.VolumeType), iops, throughputMibps, multiAttach };
}

export function chooseShape(wish: RateWish & { sizeGib: number }): VolumeShape {
  const { volumeType, sizeGib } = wish;
  const rules = VOLUME_TYPES[volumeType];
  const [min, max] = rules.sizeGib;
  if (sizeGib < min || sizeGib > max) {
    throw invalidValue('Size', sizeGib, `A ${volumeType} volume has ${min} to ${max} GiB.`);
  }
  const iops = chooseIops(wish);
  const shape = { volumeType, sizeGib, iops, throughputMibps: chooseThroughput(wish, iops) };
  if (wish.multiAttach === undefined) return shape;
  if (wish.multiAttach) checkMultiAttachType(volumeType);
  return { ...shape, multiAttachEnabled: toFlag(wish.multiAttach) };
}

function chooseIops({ volumeType, iops, sizeGib }: RateWish & { sizeGib: number }): number | null {
  const rules = VOLUME_TYPES[volumeType].iops;
  if (rules === undefined) return refuseUnlessAbsent('iops', iops, volumeType);
  const chosen = iops ?? rules.default;
  if (chosen === undefined) throw missingParameter('iops');
  checkRange('iops', chosen, rules.range);
  const ratio = chosen / sizeGib;
  if (ratio <= rules.maxPerGib || chosen <= (rules.default ?? 0)) return chosen;
  throw badValue(
    `Iops to volume size ratio of ${ratio.toFixed(6)} is too high; maximum is ${rules.maxPerGib}`,
  );
}

function chooseThroughput(
  { volumeType, throughputMibps }: RateWish,
  iops: number | null,
): number | null {
  const rules = VOLUME_TYPES[volumeType].throughputMibps;
  if (rules === undefined) return refuseUnlessAbsent('throughput', throughputMibps, volumeType);
  const chosen = throughputMibps ?? rules.default;
  checkRange('throughput', chosen, rules.range);
  const ratio = chosen / (iops ?? 1);
  if (ratio <= rules.maxPerIops) return chosen;
  throw badValue(
    `Throughput (MiBps) to iops ratio of ${ratio.toFixed(6)} is too high; maximum is ${rules.maxPerIops.toFixed(6)} MiBps per iops`,
  );
}

function refuseUnlessAbsent(name: string, value: number | undefined, volumeType: string): null {
  if (value === undefined) return null;
  throw invalidCombination(`The parameter ${name} is not supported for ${volumeType} volumes.`);
}

function checkRange(name: string, value: number, [min, max]: Range): void {
  if (value < min) throw badValue(`Volume ${name} of ${value} is too low; minimum is ${min}.`);
  if (value > max) throw badValue(`Volume ${name} of ${value} is too high; maximum is ${max}.`);
}

function badValue(message: string): Error {
  return refuse('invalid-parameter', 'request', message);
}

/** What the storage is told. */
export function limitsOfShape(shape: VolumeShape): VolumeLimits {
  const { volumeType: type, sizeGib, iops, throughputMibps } = shape;
  return limitsOf({
    type,
    sizeGib,
    iops: iops ?? undefined,
    throughputMibps: throughputMibps ?? undefined,
  });
}

/** What EC2 shows: what was ordered, and of gp2 the rate at which it can go on for ever. */
export function shownIops({ volumeType, sizeGib, iops }: VolumeShape): number | undefined {
  if (volumeType === 'gp2') return baselineOfGp2(sizeGib);
  return iops ?? VOLUME_TYPES[volumeType].iops?.default;
}

export function shownThroughput({ volumeType, throughputMibps }: VolumeShape): number | undefined {
  return throughputMibps ?? VOLUME_TYPES[volumeType].throughputMibps?.default;
}
