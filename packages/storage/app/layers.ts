// Owns what it takes to open a volume before all of its bytes have come from its snapshot.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { NbdDisk } from '@ironbark/platform/nbd/server.ts';
import type { Layer } from '@ironbark/protocol/internal/block-target.ts';
import { findVolumeBySource, type VolumeRow } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';
import { openSnapshotContent, type SnapshotContent } from './snapshot-content.ts';
import { sourceDisk } from './source-disk.ts';

/** Before anything is asked of a target for a volume, under the volume's lock. */
export async function ensureLayer(
  { target, backend, keys }: StorageContext,
  row: VolumeRow,
): Promise<void> {
  const isFromSnapshot = row.from_snapshot_id !== null;
  if (row.is_filled === 1) {
    // A target that died after all bytes had come, and before its layer was taken out, has left its map.
    if (isFromSnapshot || row.encrypted_for !== null) await target.unlayer(row.id);
    return;
  }
  // Its row may say already what it is to be grown to.
  const facts = await backend.inspect(row.id);
  if (facts === undefined) return;
  const { sizeBytes } = facts;
  await target.layer(row.id, { sizeBytes, ...sourceOf(row), ...(await keys.sealOf(row)) });
}

/** What its bytes are read from that nobody has written: a snapshot, or zeros. */
function sourceOf({
  source_name,
  written_bytes,
}: VolumeRow): Pick<Layer, 'exportName' | 'writtenBytes'> {
  return {
    ...(source_name === null ? {} : { exportName: source_name }),
    ...(written_bytes === null ? {} : { writtenBytes: written_bytes }),
  };
}

/** Ends whatever serves the volume, which may have to wait for its snapshot at the moment. */
export function stopTarget({ target, sources }: StorageContext, row: VolumeRow): Promise<void> {
  return sources.whileClosed(row.source_name, () => target.stop(row.id));
}

/** The same for hosts alone: a point in time that is read from it goes on, and so does what it reads of its snapshot. */
export async function endExport(
  { target, sources }: StorageContext,
  row: VolumeRow,
): Promise<void> {
  const { frozen } = await target.inspect(row.id);
  const source = frozen.length === 0 ? row.source_name : null;
  await sources.whileClosed(source, () => target.unexport(row.id));
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
  if (row === undefined) return undefined;
  const { read, ...disk } = sourceDisk(context, await openSourceOf(context, row));
  return {
    ...disk,
    read: (offset, length) => context.sources.through(name, async () => read(offset, length)),
  };
}
