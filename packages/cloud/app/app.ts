// Owns what every rule and reconciler of the Cloud Controller works with.

import type {
  AccountId,
  ImageId,
  InstanceId,
  SnapshotId,
  VolumeId,
  VpcId,
} from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { AuditReader } from '@ironbark/protocol/internal/audit-reader.ts';
import type { ClusterClient } from '@ironbark/protocol/internal/cluster-client.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { SnapshotReader } from '@ironbark/protocol/internal/snapshot-reader.ts';
import type { SnapshotWriter } from '@ironbark/protocol/internal/snapshot-writer.ts';
import type { StorageClient } from '@ironbark/protocol/internal/storage-client.ts';
import type { Store } from '../store/store.ts';
import type { KeyUses } from './iam/key-uses.ts';

/** Tells the reconcilers where to look now. Only a hint: what is lost here is found by the next resync. */
export interface Wake {
  instance(id: InstanceId): void;
  volume(id: VolumeId): void;
  snapshot(id: SnapshotId): void;
  image(id: ImageId): void;
  vpc(id: VpcId): void;
  placement(): void;
}

export interface App {
  store: Store;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  region: string;
  zone: string;
  /** Host and port of the EC2 API as clients reach it. */
  endpoint?: string;
  accountId: AccountId;
  /** The block of the default VPCs. */
  vpcCidr: string;
  /** The block that elastic and automatic public addresses are taken from. */
  publicAddresses: string;
  /** Emulating nodes, which are no boundary between accounts, take guests of several. */
  allowSharedEmulation: boolean;
  cluster: ClusterClient;
  storage: StorageClient;
  /** Absent where snapshots cannot be read block by block. */
  snapshotReader?: SnapshotReader;
  /** Absent where snapshots cannot be written block by block. */
  snapshotWriter?: SnapshotWriter;
  objects: ObjectsClient;
  keyUses: KeyUses;
  audit: AuditReader;
  wake: Wake;
  aroundStep: AroundStep;
}
