// Owns what it takes to open a volume before all of its bytes have come from its snapshot.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { NbdDisk } from '@ironbark/platform/nbd/server.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import { findVolumeBySource, type VolumeRow } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';
import { openSnapshotContent, type SnapshotContent } from './snapshot-content.ts';
import { sourceDisk } from './source-disk.ts';

/** Before anything is asked of a target for a volume, under the volume's lock. */
export async function ensureLayer(
  { target, backend }: StorageContext,
  row: VolumeRow,
): Promise<void> {
  if (row.is_filled === 1) return endForgottenLayer(target, row);
  if (row.source_name === null) return;
  // Its row may say already what it is to be grown to.
  const facts = await backend.inspect(row.id);
  if (facts !== undefined) await target.layer(row.id, facts.sizeBytes, row.source_name);
}

/** A target that died after the last of the bytes had come, and before it was taken out, would be waited for for ever. */
async function endForgottenLayer(target: BlockTarget, row: VolumeRow): Promise<void> {
  if (row.from_snapshot_id === null || !target.fillsLazily) return;
  if (!(await target.inspect(row.id)).running) await target.unlayer(row.id);
}

/** The snapshot that a volume starts with. Throws unless it is there and fits. */
export async function openSourceOf(
  context: StorageContext,
  row: VolumeRow,
): Promise<SnapshotContent> {
  const id = row.from_snapshot_id as SnapshotId;
  const content = await openSnapshotContent(context, id);
  if (content.volumeSizeBytes <= row.size_bytes) return content;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'volume',
    message: `The volume is smaller than the snapshot ${id} that it is to start with.`,
  });
}

/** What a storage daemon that names a source reads. */
export async function findSource(
  context: StorageContext,
  name: string,
): Promise<NbdDisk | undefined> {
  const row = await findVolumeBySource(context.database.query, name);
  return row === undefined ? undefined : sourceDisk(context, await openSourceOf(context, row));
}
