// Owns the contract by which others read what is in a snapshot, block by block, in whatever form it is kept.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { KIB } from '@ironbark/core/units.ts';

/** EBS's own ("EBS direct APIs", concepts). */
export const SNAPSHOT_BLOCK_BYTES = 512 * KIB;

export interface BlockRange {
  /** Index of the first block to look at. */
  from: number;
  limit: number;
}

export interface ChangedBlock {
  index: number;
  /** Whether each of the two has something kept for it; what has nothing is zeros. */
  isInFirst: boolean;
  isInSecond: boolean;
}

export interface BlockPage<Block> {
  blocks: Block[];
  /** Where to go on; absent at the end. A page may have fewer blocks than asked for, or none, and yet go on. */
  next?: number;
}

/** Throws not-found / snapshot for one that is not whole, digest-mismatch for one that is damaged. */
export interface SnapshotReader {
  /** Indexes of the blocks that something is kept for, in order; all others are zeros. */
  listBlocks(id: SnapshotId, range: BlockRange): Promise<BlockPage<number>>;
  /** Blocks that differ. Without a first one, all that the second one has. */
  listChangedBlocks(
    pair: { first: SnapshotId | undefined; second: SnapshotId },
    range: BlockRange,
  ): Promise<BlockPage<ChangedBlock>>;
  /** The block's bytes, checked against what was stored. Past the volume's end they are zeros. */
  readBlock(id: SnapshotId, index: number): Promise<Buffer>;
}
