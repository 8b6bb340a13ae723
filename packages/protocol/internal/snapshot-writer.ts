// Owns the contract by which a snapshot is written block by block, of no volume at all.

import type { SnapshotId } from '@ironbark/core/ids.ts';

export interface WrittenBlocks {
  count: number;
  /** SHA-256, in base64, of the SHA-256 digests of all written blocks in order of their index. */
  linearChecksum: string;
}

/** Throws not-found / snapshot for one that is not known (yet), incorrect-state for one that takes no more blocks. */
export interface SnapshotWriter {
  /** Resolves once the block is on stable storage. One that was written before is replaced. */
  writeBlock(id: SnapshotId, index: number, bytes: Buffer): Promise<void>;
  describeWritten(id: SnapshotId): Promise<WrittenBlocks>;
}
