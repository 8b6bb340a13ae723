// Owns EBS's volume types: how large each may be, what people may ask of it, and what a volume of it then does in a
// second. Source: EBS User Guide, "Amazon EBS volume types", and the EC2 API reference of CreateVolume.

import { GIB, KIB, MIB } from './units.ts';

export type VolumeType = 'standard' | 'gp2' | 'gp3' | 'io1' | 'io2' | 'st1' | 'sc1';

/** Both ends belong to it. */
export type Range = readonly [min: number, max: number];

export interface VolumeTypeRules {
  sizeGib: Range;
  /** Absent: the type takes no such parameter. */
  iops?: {
    range: Range;
    /** Absent: whoever makes one has to say. */
    default?: number;
    /** Above this many a GiB it is refused; what is within `default` is allowed at any size. */
    maxPerGib: number;
  };
  throughputMibps?: { range: Range; default: number; maxPerIops: number };
}

export const VOLUME_TYPES: Readonly<Record<VolumeType, VolumeTypeRules>> = {
  standard: { sizeGib: [1, 1_024] },
  gp2: { sizeGib: [1, 16_384] },
  gp3: {
    sizeGib: [1, 65_536],
    iops: { range: [3_000, 80_000], default: 3_000, maxPerGib: 500 },
    throughputMibps: { range: [125, 2_000], default: 125, maxPerIops: 0.25 },
  },
  io1: { sizeGib: [4, 16_384], iops: { range: [100, 64_000], maxPerGib: 50 } },
  io2: { sizeGib: [4, 65_536], iops: { range: [100, 256_000], maxPerGib: 1_000 } },
  st1: { sizeGib: [125, 16_384] },
  sc1: { sizeGib: [125, 16_384] },
};

/** Multi-Attach (EBS User Guide, "Attach an EBS volume to multiple EC2 instances using Multi-Attach"). */
export const MAX_ATTACHMENTS = 16;

export function takesMultiAttach(type: VolumeType): boolean {
  return type === 'io1' || type === 'io2';
}

export function isVolumeType(name: string): name is VolumeType {
  return Object.hasOwn(VOLUME_TYPES, name);
}

/** What a volume may do in a second. */
export interface VolumeLimits {
  iops: number;
  bytesPerSecond: number;
  /** A request of more bytes counts as several, in proportion. */
  operationBytes: number;
  /**
   * One of the two rates is that at which a store refills: as long as it lasts, `perSecond` is allowed. It is full at
   * first and holds what `seconds` at that rate take.
   */
  burst?: { of: 'iops' | 'bytes'; perSecond: number; seconds: number };
}

/** A volume as its limits follow from it; `iops` and `throughputMibps` are what was asked or the type's default. */
export interface SizedVolume {
  type: VolumeType;
  sizeGib: number;
  iops?: number | undefined;
  throughputMibps?: number | undefined;
}

const SSD_OPERATION = 256 * KIB;
const DISK_OPERATION = MIB;
const GIB_OF_TIB = 1_024;

export function limitsOf(volume: SizedVolume): VolumeLimits {
  const { type, sizeGib } = volume;
  const iops = volume.iops ?? VOLUME_TYPES[type].iops?.default ?? 0;
  switch (type) {
    case 'gp2':
      return limitGp2(sizeGib);
    case 'gp3': {
      const mibps = volume.throughputMibps ?? VOLUME_TYPES.gp3.throughputMibps!.default;
      return ssd(iops, mibps * MIB);
    }
    case 'io1':
      return ssd(iops, throughputOfIo1(iops));
    case 'io2':
      return ssd(iops, Math.floor(Math.min(4_000, iops * 0.256) * MIB));
    case 'st1':
      return limitDisk(sizeGib, { iops: 500, base: 40, burst: 250, max: 500 });
    case 'sc1':
      return limitDisk(sizeGib, { iops: 250, base: 12, burst: 80, max: 250 });
    case 'standard':
      return ssd(200, 90 * MIB);
  }
}

/** 3 IOPS a GiB, and up to 3,000 out of a store of 5.4 million. */
function limitGp2(sizeGib: number): VolumeLimits {
  const iops = baselineOfGp2(sizeGib);
  const limits = ssd(iops, (sizeGib <= 170 ? 128 : 250) * MIB);
  if (iops >= GP2_BURST_IOPS) return limits;
  const seconds = GP2_CREDITS / GP2_BURST_IOPS;
  return { ...limits, burst: { of: 'iops', perSecond: GP2_BURST_IOPS, seconds } };
}

const GP2_BURST_IOPS = 3_000;
const GP2_CREDITS = 5_400_000;

export function baselineOfGp2(sizeGib: number): number {
  return Math.min(16_000, Math.max(100, 3 * sizeGib));
}

/** 256 KiB an operation up to 500 MiB/s, and 16 KiB where that is more. */
function throughputOfIo1(iops: number): number {
  const byLarge = Math.min(500 * MIB, iops * SSD_OPERATION);
  return Math.min(1_000 * MIB, Math.max(byLarge, iops * 16 * KIB));
}

/** `base`, `burst`: MiB/s a TiB; `max`: MiB/s. The store holds as much as the volume. */
function limitDisk(
  sizeGib: number,
  rates: { iops: number; base: number; burst: number; max: number },
): VolumeLimits {
  const perTib = (mibps: number) => Math.floor((mibps * MIB * sizeGib) / GIB_OF_TIB);
  const most = Math.min(rates.max * MIB, perTib(rates.burst));
  const base = Math.min(most, perTib(rates.base));
  const limits = { iops: rates.iops, bytesPerSecond: base, operationBytes: DISK_OPERATION };
  if (base >= most) return limits;
  const seconds = Math.round((sizeGib * GIB) / most);
  return { ...limits, burst: { of: 'bytes', perSecond: most, seconds } };
}

function ssd(iops: number, bytesPerSecond: number): VolumeLimits {
  return { iops, bytesPerSecond, operationBytes: SSD_OPERATION };
}

export function sameLimits(one: VolumeLimits, other: VolumeLimits): boolean {
  const list = ({ iops, bytesPerSecond, operationBytes, burst }: VolumeLimits) => [
    ...[iops, bytesPerSecond, operationBytes],
    ...[burst?.of, burst?.perSecond, burst?.seconds],
  ];
  const others = list(other);
  return list(one).every((value, at) => value === others[at]);
}
