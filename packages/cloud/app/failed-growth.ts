// Owns the end of a volume's change that the storage had no room for: as in EC2 the change is `failed` and the volume is
// what it was before, its type and rates too.

import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import type { VolumeShape } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { findModification, updateModification } from '../store/volume-modifications.ts';
import { reshapeVolume } from '../store/volumes.ts';

/** Where nodes were told how long it is, that was its length from before. */
export async function takeBackGrowth(
  tx: Queries,
  { id, generation, reason = NO_REASON }: VolumeStorageObservation,
  nowMs: number,
): Promise<void> {
  const modification = await findModification(tx, id);
  if (modification?.state !== 'modifying' || generation < modification.generation) return;
  const original = JSON.parse(modification.original) as VolumeShape;
  await reshapeVolume(tx, id, { ...original, offeredSizeGib: null });
  await updateModification(tx, id, { state: 'failed', endedAt: nowMs, reason });
}

const NO_REASON = 'The storage could not make the volume longer.';
