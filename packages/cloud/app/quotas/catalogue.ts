// Owns which quotas this cloud enforces, under AWS's codes and names, and their values while nobody has set others.
// Source: Service Quotas, "ListAWSDefaultServiceQuotas" of ec2, ebs, vpc and s3. What AWS has no quota for has a code of
// our own, which begins with `IB-`.

import type { ErrorResource } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import { VOLUME_TYPES, type VolumeType } from '@ironbark/core/volume-types.ts';
import {
  countAddresses,
  countRows,
  countSnapshots,
  countUse,
  measureVolumes,
} from '../../store/quotas.ts';
import type { Queries } from '../../store/store.ts';

export type QuotaService = 'ebs' | 'ec2' | 's3' | 'vpc';

export const QUOTA_SERVICES: Readonly<Record<QuotaService, string>> = {
  ebs: 'Amazon Elastic Block Store (Amazon EBS)',
  ec2: 'Amazon Elastic Compute Cloud (Amazon EC2)',
  s3: 'Amazon Simple Storage Service (Amazon S3)',
  vpc: 'Amazon Virtual Private Cloud (Amazon VPC)',
};

export interface Quota {
  service: QuotaService;
  code: string;
  name: string;
  /** While nobody has set another. */
  value: number;
  /** What a refusal is about. */
  resource: ErrorResource;
  /** Undefined: another service counts. In the quota's own unit. */
  measure: ((db: Queries, accountId: AccountId) => Promise<number>) | undefined;
  /** What a caller is told who asks for more. */
  refusal: (limit: number) => string;
}

export const GIB_OF_TIB = 1_024;
/** Of a volume type, in TiB: the largest that AWS starts accounts with. */
const STORAGE_TIB = 300;

const STORAGE: Readonly<Record<VolumeType, readonly [code: string, label: string]>> = {
  standard: ['L-9CF3C2EB', 'Magnetic (standard)'],
  gp2: ['L-D18FCD1D', 'General Purpose SSD (gp2)'],
  gp3: ['L-7A658B76', 'General Purpose SSD (gp3)'],
  io1: ['L-FD252861', 'Provisioned IOPS SSD (io1)'],
  io2: ['L-09BD8365', 'Provisioned IOPS SSD (io2)'],
  sc1: ['L-17AF77E8', 'Cold HDD (sc1)'],
  st1: ['L-82ACEF56', 'Throughput Optimized HDD (st1)'],
};

function storageOf(type: VolumeType): Quota {
  const [code, label] = STORAGE[type];
  return {
    ...{ service: 'ebs', code, value: STORAGE_TIB, resource: 'volume' },
    name: `Storage for ${label} volumes, in TiB`,
    measure: async (db, accountId) =>
      (await measureVolumes(db, accountId, type)).sizeGib / GIB_OF_TIB,
    refusal: (limit) => `You have exceeded your maximum ${type} storage limit of ${limit} TiB.`,
  };
}

/** What an account may have without being a mistake; what nodes and disks hold ends earlier. */
export const QUOTAS = {
  vcpus: {
    ...{ service: 'ec2', code: 'L-1216C47A', value: 1_000_000, resource: 'vcpu' },
    name: 'Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances',
    measure: (db, accountId) => countUse(db, accountId, 'runningVcpus'),
    refusal: (limit) =>
      `You have requested more vCPU capacity than your current vCPU limit of ${limit} allows for the instance bucket that the specified instance type belongs to.`,
  },
  addresses: {
    ...{ service: 'ec2', code: 'L-0263D0A3', value: 256, resource: 'address' },
    name: 'EC2-VPC Elastic IPs',
    measure: countAddresses,
    refusal: () => 'The maximum number of addresses has been reached.',
  },
  images: {
    ...{ service: 'ec2', code: 'L-B665C33B', value: 50_000, resource: 'image' },
    name: 'AMIs',
    measure: (db, accountId) => countRows(db, 'image', accountId),
    refusal: (limit) => `You have reached your quota of ${limit} AMIs.`,
  },
  keyPairs: {
    ...{ service: 'ec2', code: 'IB-KEY-PAIRS', value: 5_000, resource: 'key-pair' },
    name: 'Key pairs per Region',
    measure: (db, accountId) => countRows(db, 'keyPair', accountId),
    refusal: (limit) => `You have reached the limit of ${limit} key pairs.`,
  },
  snapshots: {
    ...{ service: 'ebs', code: 'L-309BACF6', value: 100_000, resource: 'snapshot' },
    name: 'Snapshots per Region',
    measure: countSnapshots,
    refusal: (limit) => `You have reached the limit of ${limit} snapshots.`,
  },
  volumes: {
    ...{ service: 'ebs', code: 'IB-VOLUMES', value: 100_000, resource: 'volume' },
    name: 'Volumes per Region',
    measure: async (db, accountId) => (await measureVolumes(db, accountId)).count,
    refusal: (limit) => `You have reached the limit of ${limit} volumes.`,
  },
  buckets: {
    ...{ service: 's3', code: 'L-DC2B2D3D', value: 10_000, resource: 'bucket' },
    name: 'General purpose buckets',
    measure: undefined,
    refusal: (limit) => `An account may have ${limit} buckets.`,
  },
  vpcs: {
    ...{ service: 'vpc', code: 'L-F678F1CE', value: 500, resource: 'vpc' },
    name: 'VPCs per Region',
    measure: (db, accountId) => countRows(db, 'vpc', accountId),
    refusal: () => 'The maximum number of VPCs has been reached.',
  },
  securityGroups: {
    ...{ service: 'vpc', code: 'L-E79EC296', value: 2_500, resource: 'security-group' },
    name: 'VPC security groups per Region',
    measure: (db, accountId) => countRows(db, 'securityGroup', accountId),
    refusal: () => 'The maximum number of security groups has been reached.',
  },
  interfaces: {
    // As many as virtual processors: every instance has one of each at least.
    ...{ service: 'vpc', code: 'L-DF5E4CA3', value: 1_000_000, resource: 'network-interface' },
    name: 'Network interfaces per Region',
    measure: (db, accountId) => countUse(db, accountId, 'interfaces'),
    refusal: () => 'The maximum number of network interfaces has been reached.',
  },
  internetGateways: {
    ...{ service: 'vpc', code: 'L-A4707A72', value: 500, resource: 'internet-gateway' },
    name: 'Internet gateways per Region',
    measure: (db, accountId) => countRows(db, 'internetGateway', accountId),
    refusal: () => 'The maximum number of internet gateways has been reached.',
  },
} as const satisfies Record<string, Quota>;

export const STORAGE_QUOTAS = Object.fromEntries(
  (Object.keys(VOLUME_TYPES) as VolumeType[]).map((type) => [type, storageOf(type)]),
) as Record<VolumeType, Quota>;

/** By service, then by code. */
export const ALL_QUOTAS: readonly Quota[] = [
  ...Object.values<Quota>(QUOTAS),
  ...Object.values(STORAGE_QUOTAS),
].sort((left, right) => (keyOf(left) < keyOf(right) ? -1 : 1));

function keyOf({ service, code }: Quota): string {
  return `${service}/${code}`;
}

export function findQuota(code: string): Quota | undefined {
  return ALL_QUOTAS.find((one) => one.code.toLowerCase() === code.toLowerCase());
}
