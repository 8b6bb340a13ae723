// Owns what the rooms of the Storage Controller share: its state, its drivers, and who is told of changes.

import type { NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Database } from '@ironbark/platform/database/database.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { AroundStep } from '@ironbark/platform/reconciler.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import type { VolumeBackend } from '../drivers/volume-backend.ts';
import type { StorageSchema } from '../store/schema.ts';
import type { Compressor } from './chunk-codec.ts';
import type { EncryptionKeys } from './encryption-keys.ts';
import type { SourceGates } from './source-gates.ts';
import type { VolumeLocks } from './volume-locks.ts';

/** Which nodes are on other hosts, and where they reach this one. */
export interface Nearness {
  isElsewhere(id: NodeId): boolean;
  /** IPv4; undefined while none is known. */
  findOwnAddress(): string | undefined;
}

export interface StorageContext {
  database: Database<StorageSchema>;
  /** Finds the backend of each volume by its row. */
  backend: VolumeBackend;
  /** Those besides files that this cloud is set up for. */
  staged: StagedBackends;
  target: BlockTarget;
  objects: ObjectsClient;
  compressor: Compressor;
  keys: EncryptionKeys;
  clock: Clock;
  logger: Logger;
  aroundStep: AroundStep;
  random: RandomSource;
  locks: VolumeLocks;
  sources: SourceGates;
  /** Volumes that the rest of their snapshot is being copied to. */
  filling: Set<VolumeId>;
  /** Volumes that are being measured: nothing else is done for them until the end, which each brings about by a call. */
  measuring: Map<VolumeId, (why: string) => void>;
  /** One for each backup that holds volumes still, or is about to. */
  holds: Set<symbol>;
  /** Absent: all nodes are on this host. */
  nearness?: Nearness;
  /** Tells listeners that the report has changed. */
  changed(): void;
  /** Hints that now is a good time to look at these. */
  pokeVolume(id: VolumeId): void;
  pokeSnapshot(id: SnapshotId): void;
  pokeCollector(): void;
}
