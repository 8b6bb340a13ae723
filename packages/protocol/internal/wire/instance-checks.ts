// Owns what a node accepts as an instance. It is root's process that reads this, and the controllers that send it are
// not trusted: texts end up in arguments of QEMU, rules of the kernel and files of dnsmasq, ids in paths.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { DiskProfile, NicProfile } from '@ironbark/core/io-profile.ts';
import type {
  BlockExport,
  ImageBlob,
  InstanceImage,
  InstanceIntent,
  InterfaceIntent,
  MetadataIntent,
  RoleIntent,
  VolumeIntent,
} from '../instance-messages.ts';
import {
  type Check,
  either,
  flag,
  guestAddress6,
  guestNetwork,
  guestNetwork6,
  hostAddress,
  id,
  integer,
  list,
  object,
  oneOf,
  pattern,
  record,
  refuse,
  text,
} from './checks.ts';

const MAX_COUNT = Number.MAX_SAFE_INTEGER;
/** 64 TiB, EBS's largest volume. */
const MAX_DISK_BYTES = 2 ** 46;
const MAX_VCPUS = 1_024;
const MAX_MEMORY_MIB = 32 * 1_024 * 1_024;
/** EC2 attaches up to 28 to most types, and up to 15 interfaces. */
const MAX_VOLUMES = 128;
const MAX_INTERFACES = 16;
/** EC2's largest types have 50 on one interface. */
const MAX_ADDRESSES = 64;
const MAX_NAMES = 64;
const MAX_NAME = 1_024;
const MAX_SSH_KEY = 32 * 1_024;
/** 16 KiB in base64. */
const MAX_USER_DATA = 24 * 1_024;
/** EC2's 50, and those of its own. */
const MAX_TAGS = 128;
const MAX_QUEUES = 256;
/** One attachment a second for a lifetime. */
export const MAX_OPENINGS = 2 ** 31;

export const MAC_ADDRESS = pattern<string>(/^[0-9a-f][02468ace](?::[0-9a-f]{2}){5}$/);
export const DOMAIN = pattern<string>(/^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$/);
const HOST_NAME = pattern<string>(/^[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/);
const DEVICE = pattern<string>(/^[\x21-\x7e]{1,256}$/);
const PROFILE_NAME = pattern<string>(/^[a-z0-9][a-z0-9-]{0,63}$/);
const WORD = pattern<string>(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/);

export const diskProfile: Check<DiskProfile> = object<DiskProfile>({
  name: PROFILE_NAME,
  version: integer(0, MAX_COUNT),
  bus: oneOf('none', 'virtio-blk', 'virtio-scsi', 'nvme', 'ide', 'lsi53c895a'),
  cache: oneOf('direct', 'writeback', 'writethrough'),
  aio: oneOf('io_uring', 'native', 'threads'),
  iothread: flag,
  queues: either(oneOf('vcpus'), integer(1, MAX_QUEUES)),
  queueSize: integer(2, 1_024),
  optimalIoBytes: integer(0, 2 ** 30),
  discard: flag,
  mergesRequests: { optional: flag },
  attachMode: oneOf('host', 'guest'),
  transport: { optional: oneOf('aoe', 'nbd') },
});

export const nicProfile: Check<NicProfile> = object<NicProfile>({
  name: PROFILE_NAME,
  version: integer(0, MAX_COUNT),
  model: oneOf('virtio-net', 'e1000'),
  queues: either(oneOf('vcpus'), integer(1, MAX_QUEUES)),
  vhost: oneOf('if-available', 'never'),
  mtu: integer(576, 65_535),
  offloads: flag,
});

const imageBlob: Check<ImageBlob> = object<ImageBlob>({
  bucket: pattern(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  key: pattern(/^[\x21-\x7e]{1,1024}$/),
  sizeBytes: integer(1, MAX_DISK_BYTES),
  sha256: pattern(/^[0-9a-f]{64}$/),
  encoding: oneOf('raw', 'zstd'),
  unpackedBytes: integer(1, MAX_DISK_BYTES),
});

const image: Check<InstanceImage> = object<InstanceImage>({
  id: id('ami'),
  root: { optional: imageBlob },
  kernel: { optional: imageBlob },
  initrd: { optional: imageBlob },
  kernelParameters: { optional: pattern(/^[\x20-\x7e]{0,1024}$/) },
});

export interface NodeBounds {
  /** The cloud's own block: no subnet that the host itself routes may lie outside. */
  vpcCidr: string;
  /** Where this host serves a volume, if it does: what the message says of it is compared with this, never used. */
  exportSocket: (id: VolumeId, opening: number | undefined) => string | undefined;
  /** Of a host that has joined: where it has a volume of the front end's. Absent: it has none. */
  gateSocket?: (id: VolumeId, opening: number) => string;
}

const socketSource = object<Extract<BlockExport, { kind: 'nbd-unix' }>>({
  kind: oneOf('nbd-unix'),
  socketPath: text(MAX_NAME),
  exportName: id('vol'),
});

const gateSource = object<Extract<BlockExport, { kind: 'nbd-gate' }>>({
  kind: oneOf('nbd-gate'),
  exportName: id('vol'),
  opening: integer(1, MAX_OPENINGS),
});

function volume({ exportSocket, gateSocket }: NodeBounds): Check<VolumeIntent> {
  const check = object<VolumeIntent>({
    volumeId: id('vol'),
    deviceName: DEVICE,
    sizeBytes: integer(1, MAX_DISK_BYTES),
    source: gateSocket === undefined ? socketSource : gateSource,
    profile: diskProfile,
  });
  const placeOf = (volumeId: VolumeId, source: BlockExport): string | undefined => {
    if (source.kind === 'nbd-gate') return gateSocket?.(volumeId, source.opening);
    const said = source.kind === 'nbd-unix' ? source.socketPath : '';
    const served = exportSocket(volumeId, openingOf(said));
    return said === served ? served : undefined;
  };
  return (value, path) => {
    const checked = check(value, path);
    const { volumeId, source } = checked;
    const socketPath = placeOf(volumeId, source);
    if (socketPath === undefined || source.exportName !== volumeId) {
      throw refuse(`${path}.source`, 'where the volume is served');
    }
    return { ...checked, source: { kind: 'nbd-unix', socketPath, exportName: volumeId } };
  };
}

/** Of a socket's name, `vol-….7.nbd`; an earlier version had none in it. */
function openingOf(socketPath: string): number | undefined {
  const [, number] = /\.([1-9][0-9]{0,9})\.nbd$/.exec(socketPath) ?? [];
  return number === undefined ? undefined : Number(number);
}

const networkInterface: Check<InterfaceIntent> = object<InterfaceIntent>({
  id: id('eni'),
  deviceIndex: integer(0, MAX_INTERFACES),
  macAddress: MAC_ADDRESS,
  privateIp: hostAddress,
  subnetId: id('subnet'),
  profile: nicProfile,
  hostname: { optional: HOST_NAME },
  privateIps: { optional: list(hostAddress, MAX_ADDRESSES) },
  ipv6Addresses: { optional: list(guestAddress6, MAX_ADDRESSES) },
  subnetIpv6Cidr: { optional: guestNetwork6 },
  subnetCidr: { optional: guestNetwork },
  securityGroups: { optional: list(text(MAX_NAME), MAX_NAMES) },
  securityGroupIds: { optional: list(id('sg'), MAX_NAMES) },
});

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{8,15}Z$/;

/** It is only ever shown to the guest: the name is a part of a path there. */
const role: Check<RoleIntent> = object<RoleIntent>({
  profileArn: pattern(/^arn:aws:iam::\d{12}:instance-profile\/[\x21-\x7e]{1,640}$/),
  profileId: pattern(/^AIPA[A-Z2-7]{17}$/),
  roleName: pattern(/^[\w+=,.@-]{1,64}$/),
  accessKeyId: pattern(/^ASIA[A-Z2-7]{16}$/),
  secretAccessKey: pattern(/^[A-Za-z0-9+/=]{1,128}$/),
  token: pattern(/^[A-Za-z0-9+/=]{1,2048}$/),
  issuedAt: pattern(TIME),
  expiresAt: pattern(TIME),
});

const metadata: Check<MetadataIntent> = object<MetadataIntent>({
  accountId: pattern(/^\d{12}$/),
  region: WORD,
  availabilityZone: WORD,
  imageId: id('ami'),
  instanceType: WORD,
  reservationId: id('r'),
  launchIndex: integer(0, MAX_COUNT),
  launchedAt: pattern(TIME),
  hostname: HOST_NAME,
  keys: list(object({ name: text(MAX_NAME), openssh: text(MAX_SSH_KEY) }), MAX_NAMES),
  securityGroups: list(text(MAX_NAME), MAX_NAMES),
  securityGroupIds: list(id('sg'), MAX_NAMES),
  vpcId: id('vpc'),
  vpcCidr: guestNetwork,
  subnetCidr: guestNetwork,
  userData: { optional: pattern(new RegExp(`^[A-Za-z0-9+/=]{0,${MAX_USER_DATA}}$`)) },
  options: object<MetadataIntent['options']>({
    endpoint: oneOf('enabled', 'disabled'),
    tokens: oneOf('optional', 'required'),
    hopLimit: integer(1, 64),
    instanceTags: oneOf('enabled', 'disabled'),
  }),
  tags: record(text(MAX_NAME), MAX_TAGS),
  role: { optional: role },
});

export function instanceCheck(bounds: NodeBounds): Check<InstanceIntent> {
  return object<InstanceIntent>({
    id: id('i'),
    generation: integer(0, MAX_COUNT),
    power: oneOf('running', 'stopped', 'terminated'),
    forceStop: flag,
    rebootCount: integer(0, MAX_COUNT),
    vcpus: integer(1, MAX_VCPUS),
    memoryMib: integer(1, MAX_MEMORY_MIB),
    image,
    rootDisk: object<InstanceIntent['rootDisk']>({
      sizeBytes: integer(1, MAX_DISK_BYTES),
      deviceName: DEVICE,
      profile: diskProfile,
      volumeId: { optional: id('vol') },
    }),
    interfaces: list(networkInterface, MAX_INTERFACES),
    cutInterfaces: { optional: list(id('eni'), MAX_INTERFACES) },
    volumes: list(volume(bounds), MAX_VOLUMES),
    metadata,
  });
}
