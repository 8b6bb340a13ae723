// Owns the removal of blocks that no snapshot needs any more.
//
//   needed --last reference goes--> condemned --some time later--> claimed --object removed--> forgotten
//      ^------- referred to again ------'
//
// A snapshot refers to its blocks in the transaction before it stores them, and a claimed block takes no references.

import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { StorageContext } from '../app/context.ts';
import { blockKey, SNAPSHOT_BUCKET } from '../app/snapshot-manifest.ts';
import { claimCondemned, findOldestCondemnation, forgetBlocks } from '../store/blocks.ts';
import { hasUnknownBlocks } from '../store/snapshots.ts';

export const COLLECTOR_KEY = 'blocks';

/** Who deletes a snapshot and takes the next one right after it has its blocks not stored again. */
const KEPT_MS = 10_000;
/** What is waited for pokes; this is for the poke that was lost. */
const WAIT_MS = 5_000;
const REMOVED_AT_A_TIME = 64;

export function createBlockCollector(context: StorageContext): Reconciler {
  return {
    name: 'block',
    listKeys: async () => [COLLECTOR_KEY],
    reconcile: () => collectBlocks(context),
  };
}

async function collectBlocks(context: StorageContext): Promise<ReconcileResult> {
  const { database, clock } = context;
  const oldest = await findOldestCondemnation(database.query);
  if (oldest === undefined) return SETTLED;
  if (await hasUnknownBlocks(database.query)) return { kind: 'again', afterMs: WAIT_MS };
  const nowMs = clock.nowMs();
  // A clock that was set back must not keep blocks until it has caught up.
  const afterMs = Math.min(oldest + KEPT_MS - nowMs, KEPT_MS);
  if (afterMs > 0) return { kind: 'again', afterMs };
  await context.aroundStep('block/collect', () => collectSome(context, nowMs - KEPT_MS));
  return { kind: 'again', afterMs: 0 };
}

async function collectSome({ database, objects }: StorageContext, beforeMs: number): Promise<void> {
  const claim = (tx: Parameters<typeof claimCondemned>[0]) =>
    claimCondemned(tx, beforeMs, REMOVED_AT_A_TIME);
  const claimed = await database.transaction(claim);
  for (const { scope, sha256 } of claimed) {
    await objects.deleteObject({ bucket: SNAPSHOT_BUCKET, key: blockKey(scope, sha256) });
  }
  await database.transaction((tx) => forgetBlocks(tx, claimed));
}
