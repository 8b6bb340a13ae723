// Owns making volumes longer: what they grow by reads as zeros at once, for encrypted ones too.

import type { StorageContext } from '../app/context.ts';
import { requireSpace } from '../app/space.ts';
import { listVolumes, updateVolume, type VolumeRow } from '../store/volumes.ts';

/**
 * The target can serve it before all of its bytes are written. What is not encrypted on a disk of its own is zeroed first,
 * which takes far longer than filling it; and Ceph's points in time know nothing of a map.
 */
export function fillsLazily({ target }: StorageContext, row: VolumeRow): boolean {
  const hasMap = row.backend === 'file' || (row.backend === 'device' && row.encrypted_for !== null);
  return target.fillsLazily && hasMap;
}

export async function growVolume(context: StorageContext, row: VolumeRow): Promise<void> {
  const { id, size_bytes: sizeBytes } = row;
  await requireRoom(context, row);
  if (row.encrypted_for !== null && fillsLazily(context, row)) return growOverZeros(context, row);
  await context.backend.grow(id, sizeBytes);
  if (row.encrypted_for !== null) await record(context, row, { sealed_bytes: sizeBytes });
  await context.target.grow(id, sizeBytes);
  if (row.reason !== null) await record(context, row, { reason: null });
}

/**
 * Encrypted zeros are written behind the guest. Until they are, a map says where there are none; a target takes that when
 * it starts, so whoever has the volume open waits for another one.
 */
async function growOverZeros(context: StorageContext, row: VolumeRow): Promise<void> {
  const { id, size_bytes: sizeBytes } = row;
  const before = await context.backend.inspect(id);
  if (before === undefined) return;
  // First, since there may be no room.
  await context.backend.grow(id, sizeBytes, { isMapped: true });
  await context.target.grow(id, sizeBytes, { isMapped: true });
  if (before.sizeBytes >= sizeBytes) return;
  const longer = { sealed_bytes: sizeBytes, reason: null };
  // Its map becomes longer with it when it is opened next.
  if (row.is_filled === 0) return record(context, row, longer);
  // The one that it was filled with may be there still.
  await context.target.unlayer(id);
  const layer = { is_filled: 0, source_name: null, written_bytes: before.sizeBytes };
  await record(context, row, { ...longer, ...layer, progress_percent: 0 });
}

/** None is asked for again by one that was cut short and has it already. */
async function requireRoom(context: StorageContext, row: VolumeRow): Promise<void> {
  const { sizeBytes = row.size_bytes } = (await context.backend.inspect(row.id)) ?? {};
  const moreBytes = row.size_bytes - sizeBytes;
  if (moreBytes <= 0) return;
  const others = await listVolumes(context.database.query);
  await requireSpace(context.backend, row, others, moreBytes);
}

async function record(
  context: StorageContext,
  { id }: VolumeRow,
  changes: Parameters<typeof updateVolume>[2],
): Promise<void> {
  await context.database.transaction((tx) => updateVolume(tx, id, changes));
  context.changed();
}
