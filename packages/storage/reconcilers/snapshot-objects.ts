// Owns what a snapshot leaves in the object store for itself: the lists of its blocks, the manifest, their removal.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { LIST_BLOCKS, renderBlockList } from '../app/block-list.ts';
import { digestOf } from '../app/chunk-codec.ts';
import type { StorageContext } from '../app/context.ts';
import {
  BLOCK_BYTES,
  listKey,
  type ManifestList,
  manifestKey,
  renderManifest,
  SNAPSHOT_BUCKET,
  snapshotPrefix,
} from '../app/snapshot-manifest.ts';
import { listBlocks } from '../store/blocks.ts';
import { accountOf, type SnapshotRow } from '../store/snapshots.ts';

export async function storeManifest(
  context: StorageContext,
  row: SnapshotRow,
  scope: string,
): Promise<void> {
  const manifest = {
    snapshotId: row.id,
    volumeId: row.volume_id,
    scope,
    volumeSizeBytes: row.volume_size_bytes,
    blockBytes: BLOCK_BYTES,
    completedAt: renderTime(context.clock.nowMs()),
    lists: await storeLists(context, row),
  };
  const body = renderManifest(manifest, await accountKeyOf(context, row));
  await put(context, manifestKey(row.id), body);
}

async function accountKeyOf({ keys }: StorageContext, row: SnapshotRow) {
  if (row.encrypted === 0) return undefined;
  const accountId = accountOf(row);
  return { accountId, ...(await keys.getAccountKey(accountId)) };
}

async function storeLists(context: StorageContext, row: SnapshotRow): Promise<ManifestList[]> {
  const lists: ManifestList[] = [];
  const total = Math.ceil(row.volume_size_bytes / BLOCK_BYTES);
  for (let number = 0; number * LIST_BLOCKS < total; number++) {
    const first = number * LIST_BLOCKS;
    const run = { first, end: first + LIST_BLOCKS };
    const blocks = await listBlocks(context.database.query, row.id, run);
    if (blocks.length === 0) continue;
    const body = renderBlockList(
      blocks.map(({ block_index, sha256, encoding, stored_bytes }) => {
        if (encoding === null || stored_bytes === null) {
          throw new Error(`block ${block_index} of ${row.id} is not stored`);
        }
        return { at: block_index - first, sha256, encoding, storedBytes: stored_bytes };
      }),
    );
    await put(context, listKey(row.id, number), body);
    lists.push({ number, sha256: digestOf(body) });
  }
  return lists;
}

async function put(context: StorageContext, key: string, body: Buffer): Promise<void> {
  await context.objects.putObject({ bucket: SNAPSHOT_BUCKET, key, body, sha256: digestOf(body) });
}

/** The manifest goes first, so that what is half removed is not taken for a snapshot. */
export async function discardObjects(context: StorageContext, id: SnapshotId): Promise<void> {
  await context.objects.ensureBucket(SNAPSHOT_BUCKET);
  await context.objects.deleteObject({ bucket: SNAPSHOT_BUCKET, key: manifestKey(id) });
  for (;;) {
    const place = { bucket: SNAPSHOT_BUCKET, prefix: snapshotPrefix(id) };
    const { objects, isTruncated } = await context.objects.listObjects(place);
    for (const { key } of objects) {
      await context.objects.deleteObject({ bucket: SNAPSHOT_BUCKET, key });
    }
    if (!isTruncated) return;
  }
}
