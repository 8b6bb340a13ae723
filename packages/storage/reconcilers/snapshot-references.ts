// Owns reading a snapshot's references from its manifest, when the state may not have them: after a restore.

import type { StorageContext } from '../app/context.ts';
import { isFinal } from '../app/final-errors.ts';
import { type ContentBlock, openSnapshotContent } from '../app/snapshot-content.ts';
import { noteStored, referToBlocks } from '../store/blocks.ts';
import { type SnapshotRow, scopeOf, updateSnapshot } from '../store/snapshots.ts';

/** In one transaction; each is a few queries. */
const BLOCKS_AT_A_TIME = 1_024;

export async function rebuildReferences(context: StorageContext, row: SnapshotRow): Promise<void> {
  try {
    await readReferences(context, row);
  } catch (error) {
    if (!isFinal(error)) throw error;
    // It cannot be used, nor can it be told what it needs: what the state has of it stays.
    context.logger.warn('snapshot is damaged', { id: row.id, error });
  }
  await context.database.transaction((tx) => updateSnapshot(tx, row.id, { unknown_blocks: 0 }));
}

async function readReferences(context: StorageContext, row: SnapshotRow): Promise<void> {
  const content = await openSnapshotContent(context, row.id);
  if (content.scope !== undefined) {
    let batch: ContentBlock[] = [];
    for await (const block of content.blocks()) {
      batch.push(block);
      if (batch.length < BLOCKS_AT_A_TIME) continue;
      await referTo(context, row, batch);
      batch = [];
    }
    await referTo(context, row, batch);
  }
}

async function referTo(
  context: StorageContext,
  row: SnapshotRow,
  blocks: readonly ContentBlock[],
): Promise<void> {
  const scope = scopeOf(row);
  await context.database.transaction(async (tx) => {
    const missing = await referToBlocks(tx, { scope, snapshotId: row.id }, blocks);
    await noteStored(
      tx,
      scope,
      blocks.filter(({ sha256 }) => missing.has(sha256)),
    );
  });
}
