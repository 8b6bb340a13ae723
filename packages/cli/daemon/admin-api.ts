// Owns what the command line and the daemon say to each other over the socket in the data folder.

import type { AccountAdmin } from '@ironbark/cloud/app/accounts.ts';
import type { InstanceId } from '@ironbark/core/ids.ts';
import type { DiskStats } from '@ironbark/node/drivers/hypervisor-driver.ts';
import type { NodeReport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { CloudConfig } from '../cloud-config.ts';

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
  counts: Record<string, number>;
  /** What disks have failed to keep; what is concerned refuses changes until the next start. */
  failures: string[];
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

/** The whole surface; each is a POST with a JSON body and a JSON answer. */
export interface AdminApi extends AccountAdmin {
  status(): Promise<DaemonStatus>;
  credentials(): Promise<Credentials>;
  diskStats(request: { instanceId: InstanceId }): Promise<DiskStats[]>;
  /** Answers when everything has been let go; the daemon then ends. */
  halt(request: HaltRequest): Promise<{ halted: true }>;
}

export type AdminMethod = keyof AdminApi;
export const ADMIN_METHODS: readonly AdminMethod[] = [
  'status',
  'credentials',
  'diskStats',
  'halt',
  'addAccount',
  'listAccounts',
  'addUser',
  'removeUser',
  'listUsers',
  'addKey',
  'listKeys',
  'setKeyStatus',
  'removeKey',
];
