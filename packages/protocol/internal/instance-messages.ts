// Owns the words in which a cloud tells a node what should run there, and the node tells what does.

import type {
  AccountId,
  ImageId,
  InstanceId,
  InterfaceId,
  NodeId,
  ReservationId,
  SubnetId,
  VolumeId,
} from '@ironbark/core/ids.ts';
import type { DiskProfile, NicProfile } from '@ironbark/core/io-profile.ts';
import type { Accelerator } from '@ironbark/core/tenancy.ts';
import type { VpcIntent } from './network-messages.ts';
import type { VpcChange, VpcVersion } from './vpc-changes.ts';

/** One blob of an image in the object store. The node fetches it once and verifies the digest. */
export interface ImageBlob {
  bucket: string;
  key: string;
  sizeBytes: number;
  /** Lower-case hexadecimal SHA-256 of the stored bytes. */
  sha256: string;
  /** How the stored bytes are packed; the unpacked bytes are raw. */
  encoding: 'raw' | 'zstd';
  /** Size after unpacking; a node refuses a blob that unpacks to anything else. */
  unpackedBytes: number;
}

export interface InstanceImage {
  id: ImageId;
  /** Absent: the root disk is a volume. */
  root?: ImageBlob;
  /** Absent: the guest boots from its disk through firmware. */
  kernel?: ImageBlob;
  initrd?: ImageBlob;
  /** Kernel parameters of a direct kernel boot; `root=` is part of them. */
  kernelParameters?: string;
}

/** Where a block target can be reached. `nbd-unix` serves initiators on the target's own host. */
export type BlockExport =
  | { kind: 'nbd-unix'; socketPath: string; exportName: string }
  | { kind: 'nbd-tcp'; host: string; port: number; exportName: string }
  /** Of another host than the target's: its node asks the front end for the way (GateKeeper). */
  | { kind: 'nbd-gate'; exportName: VolumeId; opening: number };

export interface VolumeIntent {
  volumeId: VolumeId;
  /** The name that the user chose, such as `/dev/sdf`; guests see the serial, not this name. */
  deviceName: string;
  sizeBytes: number;
  source: BlockExport;
  profile: DiskProfile;
}

export interface InterfaceIntent {
  id: InterfaceId;
  deviceIndex: number;
  /** Lower case, colons. */
  macAddress: string;
  privateIp: string;
  subnetId: SubnetId;
  profile: NicProfile;
  /** What its guest is told of it besides; absent: as of the instance. */
  hostname?: string;
  /** All, the first one first. */
  privateIps?: string[];
  /** The first one first; absent: none. */
  ipv6Addresses?: string[];
  /** Of its subnet; absent: none. */
  subnetIpv6Cidr?: string;
  subnetCidr?: string;
  securityGroups?: string[];
  securityGroupIds?: string[];
}

/** What the metadata service answers; everything that a guest may learn of itself. */
export interface MetadataIntent {
  accountId: AccountId;
  region: string;
  availabilityZone: string;
  imageId: ImageId;
  instanceType: string;
  reservationId: ReservationId;
  launchIndex: number;
  launchedAt: string;
  hostname: string;
  keys: { name: string; openssh: string }[];
  securityGroups: string[];
  securityGroupIds: string[];
  vpcId: string;
  vpcCidr: string;
  subnetCidr: string;
  /** Base64 of the bytes that the user gave; absent when none were given. */
  userData?: string;
  options: {
    endpoint: 'enabled' | 'disabled';
    tokens: 'optional' | 'required';
    hopLimit: number;
    instanceTags: 'enabled' | 'disabled';
  };
  tags: Record<string, string>;
  /** Of its instance profile; absent without one. */
  role?: RoleIntent;
}

/** Temporary credentials, which the guest reads from its metadata. Secret. */
export interface RoleIntent {
  profileArn: string;
  profileId: string;
  roleName: string;
  accessKeyId: string;
  secretAccessKey: string;
  token: string;
  issuedAt: string;
  expiresAt: string;
}

export interface RootDiskIntent {
  sizeBytes: number;
  deviceName: string;
  profile: DiskProfile;
  /** Which of the volumes it is, of an image without a root of its own; absent: none is attached there. */
  volumeId?: VolumeId;
}

/** The whole desired state of one instance on its node. */
export interface InstanceIntent {
  id: InstanceId;
  /** Grows with every change of this document; an observation names the one it speaks of. */
  generation: number;
  power: 'running' | 'stopped' | 'terminated';
  /** With `stopped`: pull the plug instead of asking the guest. */
  forceStop: boolean;
  /** Grows with every RebootInstances; the node reboots until its own count has caught up. */
  rebootCount: number;
  vcpus: number;
  memoryMib: number;
  image: InstanceImage;
  rootDisk: RootDiskIntent;
  interfaces: InterfaceIntent[];
  /** Those that are taken from it by force: they end without the guest, which may keep dead cards. Absent: none. */
  cutInterfaces?: InterfaceId[];
  volumes: VolumeIntent[];
  metadata: MetadataIntent;
}

/** The network of one subnet as a node builds it. */
export interface SubnetIntent {
  id: SubnetId;
  cidr: string;
  /** The node's own address in the subnet: the guests' gateway and name server. */
  gatewayIp: string;
  vpcCidr: string;
  /** Domain of private names, such as `ec2.internal`. */
  domain: string;
}

/** Everything a node should do. It keeps this on its own disk and runs from it. */
export interface NodeIntent {
  nodeId: NodeId;
  generation: number;
  subnets: SubnetIntent[];
  /** Those that have a port on the node, each whole; none for a node whose network is no bridge. */
  vpcs: VpcIntent[];
  /** Of each of `vpcs`; absent: changes cannot be counted from them. */
  vpcVersions?: VpcVersion[];
  /** VPCs that the node has already, and what has changed of them since. */
  vpcChanges?: VpcChange[];
  instances: InstanceIntent[];
}

export type ObservedPower =
  | 'preparing'
  | 'starting'
  | 'running'
  | 'stopping'
  | 'stopped'
  | 'terminated'
  | 'failed';

export interface VolumeObservation {
  volumeId: VolumeId;
  state: 'attaching' | 'attached' | 'detaching' | 'failed';
  reason?: string;
  /** What the disk really runs with, as {@link DiskProfile}. */
  profile?: DiskProfile;
}

export interface InterfaceObservation {
  id: InterfaceId;
  /** `detaching`: the guest, or the host, has it although the intent does not. */
  state: 'attaching' | 'attached' | 'detaching';
  profile?: NicProfile;
}

export interface InstanceObservation {
  id: InstanceId;
  /**
   * Generation of the intent that this observation has fully reached; lower while on the way. With power
   * `failed`: the generation that failed.
   */
  generation: number;
  /** Of the intent that it is compared with, reached or not. */
  heardGeneration: number;
  power: ObservedPower;
  /** For people: why it failed, or what it waits for. */
  reason?: string;
  /** The guest is there and makes no progress: it is paused, or its hypervisor does not answer. */
  isStuck?: boolean;
  rebootCount: number;
  startedAt?: string;
  /** Present once the guest has asked for its metadata or address, a sign of life from inside. */
  reachableAt?: string;
  hypervisor: string;
  accelerator: Accelerator;
  /** The node keeps the guests of different accounts apart. */
  isolatesTenants: boolean;
  rootDiskProfile?: DiskProfile;
  volumes: VolumeObservation[];
  interfaces: InterfaceObservation[];
  /** How a shell on the host reaches the guest's ssh server. */
  ssh?: { host: string; port: number };
}

export interface NodeCapacity {
  /** Processors of the host; how many virtual ones share each is for the placement to say. */
  vcpus: number;
  memoryMib: number;
  diskBytes: number;
  diskFreeBytes: number;
}

export interface NodeReport {
  nodeId: NodeId;
  hostname: string;
  /** Of Ironbark; for people. */
  version?: string;
  reportedAt: string;
  /** Generation of the NodeIntent that the node works on. */
  intentGeneration: number;
  /** It is what the node has kept: nobody has said since its process began that it still holds. */
  intentIsKept?: boolean;
  hypervisor: string;
  accelerator: Accelerator;
  /** It keeps the guests of different accounts apart. */
  isolatesTenants: boolean;
  /** For people: what the host lacks for keeping guests apart from it; absent or empty when it has all. */
  isolationGaps?: string[];
  network: 'bridge' | 'user' | 'simulated';
  /** It builds what {@link VpcIntent} says: networks of their own, groups, routes. Absent: one network for all. */
  keepsVpcs?: boolean;
  /** It is on another host than the volumes, and opens them by the front end's gates. */
  opensGates?: boolean;
  /** IPv4, by which other nodes reach this one; absent: there is no other that could. */
  underlayAddress?: string;
  capacity: NodeCapacity;
  instances: InstanceObservation[];
}
