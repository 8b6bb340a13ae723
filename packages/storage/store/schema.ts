// Owns the tables of the Storage Controller as the queries see them.

import type { AccountId, NodeId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { Migrations } from '@ironbark/platform/database/database.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageVolumeIntent } from '@ironbark/protocol/internal/storage-client.ts';
import { createStorageTables } from './migrations/0001-storage.ts';
import { addLimits } from './migrations/0002-limits.ts';
import { createBlockTables } from './migrations/0003-blocks.ts';
import { addFilling } from './migrations/0004-filling.ts';
import { addVolumeBackend } from './migrations/0005-backends.ts';
import { addSnapshotSets } from './migrations/0006-snapshot-sets.ts';
import { addEncryption } from './migrations/0007-encryption.ts';
import { addImports } from './migrations/0008-imports.ts';
import { addWrittenSnapshots } from './migrations/0010-written-snapshots.ts';
import { addSharedVolumes } from './migrations/0011-shared-volumes.ts';
import { addStoragePoints } from './migrations/0013-storage-points.ts';
import { addGrownVolumes } from './migrations/0015-grown-volumes.ts';
import { addFailedGrowths } from './migrations/0016-failed-growths.ts';

export type Presence = StorageVolumeIntent['desired'];

export interface VolumeTable {
  id: VolumeId;
  generation: number;
  desired: Presence;
  size_bytes: number;
  from_snapshot_id: SnapshotId | null;
  export_to: NodeId | null;
  /** Instances that are each to have an opening of their own, as JSON (InstanceOpening); null: none. */
  open_to: string | null;
  observed_generation: number;
  observed_state: 'creating' | 'ready' | 'absent' | 'failed';
  progress_percent: number;
  reason: string | null;
  /** The node that the target was opened for; null once it is closed again. */
  exported_to: NodeId | null;
  /** The BlockExport of `exported_to`, as JSON. */
  export: string | null;
  /** Grows each time that somebody is about to be let in to write. */
  export_epoch: number;
  /** Instances that each have an opening of their own, as JSON (openings.ts); null once the last is closed. */
  opened_to: string | null;
  /** What the target opens the file with, such as `io_uring,direct`. */
  engine: string | null;
  /** VolumeLimits as JSON; null: none. */
  limits: string | null;
  /** 1 while whoever has it open waits: what serves it does not answer, or does not start. */
  away: number;
  /** 0 while some of its bytes are still to come from its snapshot, wherever they are read from meanwhile. */
  is_filled: number;
  /** Under which its storage daemon reads the snapshot: nobody can guess it. */
  source_name: string | null;
  forgotten_at: number | null;
  /** Chosen when the volume was first heard of. */
  backend: BackendName;
  /** Whose key closes the volume's own; null: it is not encrypted. */
  encrypted_for: AccountId | null;
  /** The volume's key; null until it is made. */
  key_envelope: string | null;
  /**
   * How many of an encrypted volume's bytes are the volume, from its beginning: what lies behind them is noise. Null while
   * it is being made.
   */
  sealed_bytes: number | null;
  /** Not null of one that became longer and is not filled again: how many of these were written before. */
  written_bytes: number | null;
  /** 1 while the storage may still read some of its bytes from the point in time that it is a clone of. */
  is_clone: number;
  /** The generation that it could not become as long for as it says; null: none. It is as it was before that. */
  failed_growth: number | null;
  /** Why, for people. */
  growth_problem: string | null;
}

export interface SnapshotTable {
  id: SnapshotId;
  generation: number;
  desired: Presence;
  volume_id: VolumeId;
  volume_size_bytes: number;
  observed_generation: number;
  observed_state: 'pending' | 'completed' | 'absent' | 'failed';
  progress_percent: number;
  reason: string | null;
  stored_bytes: number;
  /** The volume's export_epoch at the point in time; null before it. 0 of one that is made of an object. */
  frozen_epoch: number | null;
  /** 1 when somebody could write at the point in time. */
  frozen_exported: number;
  /** Blocks below this index are in the object store or were zero. */
  next_chunk: number;
  /** Ids of the snapshots that share its point in time, as JSON; null: it has one of its own. */
  together: string | null;
  forgotten_at: number | null;
  /** Whose blocks it shares; null when an earlier version was told of it. */
  scope: string | null;
  /** Bytes that were stored for it alone, since no snapshot before it had them. */
  added_bytes: number;
  /** 1 when its references have to be read from its manifest again. */
  unknown_blocks: number;
  /** 1 when its blocks are encrypted with its account's key. */
  encrypted: number;
  /** The snapshot that it has its bytes from, instead of from a volume. */
  copy_of: SnapshotId | null;
  /** The ImageBlob that it is made of, as JSON; null: of its volume. */
  source: string | null;
  /** Of one that is written block by block; null: it is read from a volume. */
  written: 'open' | 'sealed' | 'abandoned' | null;
  /** Whose blocks it began with; null: none. */
  parent_id: SnapshotId | null;
  /**
   * Not null while the storage itself may keep its point in time, beside what the object store has. Greater than those of
   * its volume's earlier ones.
   */
  point: number | null;
}

/** A block of a snapshot that is written block by block and not complete, zeros too. */
export interface WrittenBlockTable {
  snapshot_id: SnapshotId;
  block_index: number;
  sha256: string;
}

/** A block that the object store holds, or may hold. */
export interface BlockTable {
  scope: string;
  sha256: string;
  /** Both null until the object is known to be stored. */
  encoding: 'raw' | 'zstd' | null;
  stored_bytes: number | null;
  /** When its last reference went; null while there is one. */
  condemned_at: number | null;
  /** 1 while its object is being removed: nobody may refer to it then. */
  is_deleting: number;
}

/** A snapshot needs a block at an index of its volume. */
export interface SnapshotBlockTable {
  snapshot_id: SnapshotId;
  block_index: number;
  scope: string;
  sha256: string;
}

export interface AccountKeyTable {
  account_id: AccountId;
  envelope: string;
}

export interface StorageSchema {
  volume: VolumeTable;
  snapshot: SnapshotTable;
  block: BlockTable;
  snapshot_block: SnapshotBlockTable;
  account_key: AccountKeyTable;
  written_block: WrittenBlockTable;
}

export const STORAGE_MIGRATIONS: Migrations = {
  '0001-storage': { up: createStorageTables },
  '0002-limits': { up: addLimits },
  '0003-blocks': { up: createBlockTables },
  '0004-filling': { up: addFilling },
  '0005-backends': { up: addVolumeBackend },
  '0006-snapshot-sets': { up: addSnapshotSets },
  '0007-encryption': { up: addEncryption },
  '0008-imports': { up: addImports },
  '0010-written-snapshots': { up: addWrittenSnapshots },
  '0011-shared-volumes': { up: addSharedVolumes },
  '0013-storage-points': { up: addStoragePoints },
  '0015-grown-volumes': { up: addGrownVolumes },
  '0016-failed-growths': { up: addFailedGrowths },
};
