// Owns what the command line and the daemon say to each other over the socket in the data folder.

import type { AccountAdmin } from '@ironbark/cloud/app/accounts.ts';
import type { QuotaAdmin } from '@ironbark/cloud/app/quotas/admin.ts';
import type { VolumeSummary } from '@ironbark/cloud/app/volume-summary.ts';
import type { InstancesElsewhere } from '@ironbark/cluster/app/membership.ts';
import type { NodeAdmin } from '@ironbark/cluster/joining.ts';
import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DeviceRates, IoCalibration } from '@ironbark/core/io-calibration.ts';
import type { DiskStats } from '@ironbark/node/drivers/hypervisor-driver.ts';
import type { ObjectsCounts } from '@ironbark/objects/app/request-counters.ts';
import type { BucketUsage } from '@ironbark/objects/app/usage.ts';
import type { NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { NetworkReading } from '@ironbark/protocol/internal/node-client.ts';
import type { MeasuredVolume } from '@ironbark/storage/app/measured-volumes.ts';
import type { CloudConfig } from '../cloud-config.ts';
import type { AutopilotReport } from './autopilot.ts';
import type { GatewayAdmin } from './gateway-admin.ts';

export interface DaemonProcessFacts {
  name: string;
  pid: number;
  uid: number;
  /** Resident. */
  memoryBytes: number;
}

export interface DaemonStatus {
  version: string;
  pid: number;
  processes: DaemonProcessFacts[];
  startedAt: string;
  endpoint: string;
  accountId: string;
  config: CloudConfig;
  dataDir: string;
  node: NodeReport;
  /** Of a host that has joined a cloud elsewhere. */
  front?: { isConnected: boolean };
  /** Instances on other hosts; absent or empty where there are none. */
  elsewhere?: InstancesElsewhere[];
  counts: Record<string, number>;
  /** What disks have failed to keep; what is concerned refuses changes until the next start. */
  failures: string[];
  /** How disks are opened here, and what is known of how fast they are. */
  calibration: { autopilot: AutopilotReport; known?: IoCalibration };
  /** Image id to the user that a key pair logs in as. */
  loginUsers: Record<string, string>;
}

export interface Credentials {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

export interface HaltRequest {
  keepGuests: boolean;
}

export interface BackupRequest {
  withVolumes: boolean;
}

/** What a backup is to contain, as it was at one moment. It stays like that until the backup ends. */
export interface BackupSource {
  /**
   * Copies of the state stores and of the record of calls, by their paths in a data folder. It is named from the data
   * folder on, as is `objects`: who holds the source may see another root directory.
   */
  directory: string;
  files: { path: string; sizeBytes: number }[];
  /** Walrus' folder: blobs of objects lie here and none of them is removed meanwhile. */
  objects: string;
  volumes: { id: VolumeId; sizeBytes: number }[];
  /** Some of it can be read with the cloud's keyring alone, which is not in it. */
  needsKeyring: boolean;
  /** Has to be renewed within this time, or the source is let go. */
  leaseMs: number;
  accountId: string;
  takenAt: string;
}

export interface HeldVolumeRequest {
  id: VolumeId;
  offset: number;
}

export interface MeasuredVolumeRequest {
  id: VolumeId;
}

export interface HeldVolumePart {
  /** In order, each base64. */
  pieces: { offset: number; bytes: string }[];
  /** Where to go on; absent at the volume's end. */
  nextOffset?: number;
}

/** Counters of an attached volume, read at that moment of a clock that never jumps. */
export interface VolumeFacts extends VolumeSummary {
  stats?: DiskStats;
  readAtMs?: number;
  /** What the disk below it gives its host, where that was measured. */
  device?: DeviceRates;
}

/** The whole surface; each is a POST with a JSON body and a JSON answer. */
export interface AdminApi extends AccountAdmin, QuotaAdmin, NodeAdmin, GatewayAdmin {
  status(): Promise<DaemonStatus>;
  credentials(): Promise<Credentials>;
  diskStats(request: { instanceId: InstanceId }): Promise<DiskStats[]>;
  /** Every volume of the cloud; those of guests that run with their counters. */
  volumes(): Promise<VolumeFacts[]>;
  /** What the network cards of running guests have moved, where the host counts it. */
  networkReadings(): Promise<NetworkReading[]>;
  bucketUsage(): Promise<BucketUsage[]>;
  objectCounts(): Promise<ObjectsCounts>;
  beginBackup(request: BackupRequest): Promise<BackupSource>;
  renewBackup(): Promise<{ renewed: true }>;
  endBackup(): Promise<{ ended: true }>;
  /** What a held volume has from an offset on, some of it: zeros are left out. */
  readHeldVolume(request: HeldVolumeRequest): Promise<HeldVolumePart>;
  /** Opens a volume that nobody has, for who measures it; who attaches it meanwhile waits. Has to be renewed. */
  beginVolumeMeasure(request: MeasuredVolumeRequest): Promise<MeasuredVolume>;
  renewVolumeMeasure(request: MeasuredVolumeRequest): Promise<{ renewed: true }>;
  endVolumeMeasure(request: MeasuredVolumeRequest): Promise<{ ended: true }>;
  /** Measures a host that nobody has measured, in the background; answers at once. */
  beginCalibration(): Promise<AutopilotReport>;
  /** Answers when everything has been let go; the daemon then ends. */
  halt(request: HaltRequest): Promise<{ halted: true }>;
}

export type AdminMethod = keyof AdminApi;
export const ADMIN_METHODS: readonly AdminMethod[] = [
  'status',
  'credentials',
  'diskStats',
  'volumes',
  'networkReadings',
  'addAccount',
  'listAccounts',
  'addUser',
  'removeUser',
  'listUsers',
  'addKey',
  'listKeys',
  'setKeyStatus',
  'removeKey',
  'listQuotas',
  'setQuota',
  'unsetQuota',
  'makeJoinToken',
  'findDoor',
  'listNodes',
  'listElsewhere',
  'drainNode',
  'resumeNode',
  'removeNode',
  'inviteGateway',
  'listGateways',
  'removeGateway',
  'bucketUsage',
  'objectCounts',
  'beginBackup',
  'renewBackup',
  'endBackup',
  'readHeldVolume',
  'beginVolumeMeasure',
  'renewVolumeMeasure',
  'endVolumeMeasure',
  'beginCalibration',
  'halt',
];
