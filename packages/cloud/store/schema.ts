// Owns the Cloud Controller's tables as types. Times are integer milliseconds, flags are 0 or 1, and a column
// whose comment names a type holds that type as JSON.

import type {
  AccountId,
  ImageId,
  InstanceId,
  KeyPairId,
  NodeId,
  PlacementGroupId,
  ReservationId,
  SnapshotId,
  SubnetId,
  VolumeId,
  VpcId,
} from '@ironbark/core/ids.ts';
import type { Accelerator } from '@ironbark/core/tenancy.ts';
import type { VolumeType } from '@ironbark/core/volume-types.ts';
import type { ObservedPower } from '@ironbark/protocol/internal/instance-messages.ts';
import type {
  SnapshotStorageObservation,
  VolumeStorageObservation,
} from '@ironbark/protocol/internal/storage-client.ts';
import type { Generated, Selectable } from 'kysely';
import type { AccessKeyTable, AccountTable, Flag, UserTable } from './account-schema.ts';
import type { AlarmTable } from './alarm-schema.ts';
import type { AttachmentTable } from './attachment-schema.ts';
import type { EbsSettingTable } from './ebs-setting-table.ts';
import type { FlowLogTable } from './flow-log-schema.ts';
import type { IamSchema } from './iam-schema.ts';
import type {
  GoneImageTable,
  ImagePermissionTable,
  ImageTable,
  RootDeviceType,
} from './image-schema.ts';
import type { Ipv6Schema } from './ipv6-schema.ts';
import type { LaunchTemplateTable, LaunchTemplateVersionTable } from './launch-template-schema.ts';
import type { NetworkMetricTable } from './network-metric-schema.ts';
import type {
  AddressTable,
  DhcpOptionsTable,
  InterfaceAddressTable,
  InterfaceGroupTable,
  InternetGatewayTable,
  LastNetworkNumberTable,
  NatGatewayTable,
  NetworkAclEntryTable,
  NetworkAclTable,
  NetworkInterfaceTable,
  RouteTable,
  RouteTableAssociationTable,
  RouteTableTable,
  SecurityGroupRuleTable,
  SecurityGroupTable,
  SubnetTable,
  VpcCidrTable,
  VpcGoneTable,
  VpcPeeringTable,
  VpcPortChangeTable,
  VpcTable,
} from './network-schema.ts';
import type { NodeUseTable } from './node-use-schema.ts';
import type { OwnMetricPointTable, OwnMetricTable } from './own-metric-schema.ts';
import type { PlacementGroupTable, PlacementStrategy } from './placement-group-schema.ts';
import type { AccountUseTable, QuotaTable } from './quota-schema.ts';
import type { VolumeMetricTable } from './volume-metric-schema.ts';

export interface KeyPairTable {
  id: KeyPairId;
  accountId: AccountId;
  name: string;
  type: 'rsa' | 'ed25519';
  fingerprint: string;
  publicKey: string;
  createdAt: number;
}

export interface ReservationTable {
  id: ReservationId;
  accountId: AccountId;
  createdAt: number;
}

export type DesiredPower = 'running' | 'stopped' | 'terminated';

export interface InstanceTable {
  id: InstanceId;
  accountId: AccountId;
  reservationId: ReservationId;
  launchIndex: number;
  imageId: ImageId;
  /** {@link InstanceImage}: a copy, so that an instance outlives its image's registration. */
  image: string;
  architecture: string;
  /** Of `ebs` its root disk is the volume that is attached at the root device's name, and none of its node's disk. */
  rootDeviceType: Generated<RootDeviceType>;
  rootDeviceName: string;
  rootDiskBytes: number;
  instanceType: string;
  vcpus: number;
  memoryMib: number;
  keyName: string | null;
  /** The public half as it was at launch; deleting the key pair later changes no instance. */
  publicKey: string | null;
  userData: string | null;
  zone: string;
  vpcId: VpcId;
  subnetId: SubnetId;
  /** {@link MetadataIntent}['options'] */
  metadataOptions: string;
  disableApiTermination: Flag;
  disableApiStop: Flag;
  /** As asked for and shown; what is measured of instances has a point a minute in any case. */
  detailedMonitoring: Generated<Flag>;
  shutdownBehavior: 'stop' | 'terminate';
  clientToken: string | null;
  createdAt: number;
  /** The newest start, which is what EC2 calls LaunchTime. */
  launchedAt: number;
  /** Grows with every change of what the node is told. */
  generation: number;
  desiredPower: DesiredPower;
  desiredForceStop: Flag;
  desiredRebootCount: number;
  /** The generation that brought the present desired power. */
  powerGeneration: number;
  nodeId: NodeId | null;
  stateReasonCode: string | null;
  stateReasonMessage: string | null;
  transitionReason: string;
  observedGeneration: number;
  observedPower: ObservedPower | null;
  /** Once seen running; before that a failure is a failed launch. */
  hasRun: Flag;
  /** {@link InstanceObservation} */
  observed: string | null;
  /** When the end was seen and addresses and volumes were given back. */
  terminatedAt: number | null;
  /** When the zone has dropped it too. */
  forgottenAt: number | null;
  placementGroupId: PlacementGroupId | null;
  /** Of that group; it never changes. */
  placementStrategy: PlacementStrategy | null;
}

export interface VolumeTable {
  id: VolumeId;
  accountId: AccountId;
  zone: string;
  sizeGib: number;
  volumeType: VolumeType;
  /** As ordered, or the type's default; null: the type takes none, or the row is older than the column. */
  iops: number | null;
  throughputMibps: number | null;
  /** What nodes are told while it grows at the storage; null: its size. */
  offeredSizeGib: number | null;
  snapshotId: SnapshotId | null;
  createdAt: number;
  generation: number;
  desired: 'present' | 'absent';
  desiredExportTo: NodeId | null;
  observedGeneration: number;
  observedState: VolumeStorageObservation['state'] | null;
  observedProgress: number;
  observedReason: string | null;
  /** {@link BlockExport} */
  observedExport: string | null;
  /** As it was set. No volume here ever has its I/O disabled, so it has nothing to do. */
  autoEnableIo: Generated<Flag>;
  /** Since when whoever has it attached waits for it, as seen from here. */
  awaySince: number | null;
  encrypted: Generated<Flag>;
  /** Several instances may have it at once. */
  multiAttachEnabled: Generated<Flag>;
}

/** What ModifyVolume can change. */
export interface VolumeShape {
  sizeGib: number;
  volumeType: VolumeType;
  iops: number | null;
  throughputMibps: number | null;
  /** Absent: it stays as it is, and was not enabled where it is told of the past. */
  multiAttachEnabled?: Flag;
}

/** The newest change of a volume. */
export interface VolumeModificationTable {
  volumeId: VolumeId;
  accountId: AccountId;
  /** The volume's generation with it. */
  generation: number;
  /** {@link VolumeShape} as JSON. */
  original: string;
  target: string;
  state: 'modifying' | 'optimizing' | 'completed' | 'failed';
  reason: string | null;
  /** Who had it attached when the storage was done (ShownTo as JSON); null: nobody. */
  instances: string | null;
  startedAt: number;
  endedAt: number | null;
}

export interface SnapshotTable {
  id: SnapshotId;
  accountId: AccountId;
  volumeId: VolumeId;
  volumeSizeGib: number;
  description: string;
  createdAt: number;
  generation: number;
  desired: 'present' | 'absent';
  observedGeneration: number;
  observedState: SnapshotStorageObservation['state'] | null;
  observedProgress: number;
  observedReason: string | null;
  storedBytes: number;
  completedAt: number | null;
  /** The snapshot whose bytes this one's are; the storage knows that one only. null: its own. */
  contentId: SnapshotId | null;
  /** Its point in time is held: what the volume's user does from now on does not change it. */
  observedHeld: Generated<Flag>;
  /** {@link ImageBlob} that it was made of; null: of a volume. */
  source: string | null;
  /** Ids of the snapshots that share its point in time, as JSON; null: it was taken alone. */
  together: string | null;
  lockMode: 'compliance' | 'governance' | null;
  lockCreatedAt: number | null;
  lockCoolOffHours: number | null;
  /** This or an end is set while there is a lock. */
  lockDurationDays: number | null;
  lockExpiresAt: number | null;
  encrypted: Generated<Flag>;
  /** The snapshot that it is an encrypted copy of: its bytes, stored once more. null: it is none. */
  copySourceId: SnapshotId | null;
  /** Of one that is written block by block; null: it was taken of a volume, or is a copy. */
  writeState: 'open' | 'sealed' | 'abandoned' | null;
  /** As the caller named it, and the snapshot whose bytes those are. */
  writeParentId: SnapshotId | null;
  writeContentId: SnapshotId | null;
  /** How long it may go without a block, and when that is over. */
  writeTimeoutMs: number | null;
  writeExpiresAt: number | null;
}

export interface SnapshotPermissionTable {
  snapshotId: SnapshotId;
  /** Who may make volumes from it: an account, or `all`. */
  grantee: AccountId | 'all';
}

/** What this cloud signs with for itself, made when it is first needed. */
export interface SigningSecretTable {
  name: string;
  /** Base64. */
  secret: string;
}

export interface TagTable {
  resourceId: string;
  accountId: AccountId;
  resourceType: string;
  key: string;
  value: string;
}

export interface ClientTokenTable {
  accountId: AccountId;
  action: string;
  token: string;
  parametersHash: string;
  /** The ids that the first call made, as a JSON list. */
  resourceIds: string;
  createdAt: number;
}

export interface NodeTable {
  id: NodeId;
  hostname: string;
  health: 'ready' | 'lost';
  hypervisor: string;
  accelerator: Accelerator;
  network: string;
  vcpus: number;
  memoryMib: number;
  diskBytes: number;
  diskFreeBytes: number;
  /** It builds VPCs with their groups and routes. */
  keepsVpcs: Flag;
  isDraining: Flag;
  reachesVolumes: Flag;
  /** Where they do not: those that are attached to one instance do, as disks besides its root. */
  opensGates: Flag;
}

export interface Schema extends IamSchema, Ipv6Schema {
  quota: QuotaTable;
  accountUse: AccountUseTable;
  account: AccountTable;
  user: UserTable;
  accessKey: AccessKeyTable;
  image: ImageTable;
  goneImage: GoneImageTable;
  imagePermission: ImagePermissionTable;
  launchTemplate: LaunchTemplateTable;
  launchTemplateVersion: LaunchTemplateVersionTable;
  placementGroup: PlacementGroupTable;
  keyPair: KeyPairTable;
  reservation: ReservationTable;
  instance: InstanceTable;
  networkInterface: NetworkInterfaceTable;
  interfaceGroup: InterfaceGroupTable;
  volume: VolumeTable;
  volumeModification: VolumeModificationTable;
  volumeMetric: VolumeMetricTable;
  networkMetric: NetworkMetricTable;
  alarm: AlarmTable;
  ownMetric: OwnMetricTable;
  ownMetricPoint: OwnMetricPointTable;
  attachment: AttachmentTable;
  snapshot: SnapshotTable;
  snapshotPermission: SnapshotPermissionTable;
  ebsSetting: EbsSettingTable;
  signingSecret: SigningSecretTable;
  vpc: VpcTable;
  subnet: SubnetTable;
  securityGroup: SecurityGroupTable;
  securityGroupRule: SecurityGroupRuleTable;
  vpcCidr: VpcCidrTable;
  vpcGone: VpcGoneTable;
  lastNetworkNumber: LastNetworkNumberTable;
  vpcPortChange: VpcPortChangeTable;
  internetGateway: InternetGatewayTable;
  routeTable: RouteTableTable;
  networkAcl: NetworkAclTable;
  networkAclEntry: NetworkAclEntryTable;
  dhcpOptions: DhcpOptionsTable;
  routeTableAssociation: RouteTableAssociationTable;
  route: RouteTable;
  address: AddressTable;
  natGateway: NatGatewayTable;
  vpcPeering: VpcPeeringTable;
  flowLog: FlowLogTable;
  interfaceAddress: InterfaceAddressTable;
  tag: TagTable;
  clientToken: ClientTokenTable;
  node: NodeTable;
  nodeUse: NodeUseTable;
}

export type InstanceRow = Selectable<InstanceTable>;
export type VolumeRow = Selectable<VolumeTable>;
export type VolumeModificationRow = Selectable<VolumeModificationTable>;
export type AttachmentRow = Selectable<AttachmentTable>;
export type SnapshotRow = Selectable<SnapshotTable>;
export type KeyPairRow = Selectable<KeyPairTable>;
export type InterfaceRow = Selectable<NetworkInterfaceTable>;
export type SubnetRow = Selectable<SubnetTable>;
export type VpcRow = Selectable<VpcTable>;
export type SecurityGroupRow = Selectable<SecurityGroupTable>;
export type SecurityGroupRuleRow = Selectable<SecurityGroupRuleTable>;
export type TagRow = Selectable<TagTable>;
export type NodeRow = Selectable<NodeTable>;

export function toFlag(value: boolean): Flag {
  return value ? 1 : 0;
}
