// Owns what the storage observes of a volume that several instances have: where each of them can open it is written down
// with its attachment.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import {
  listAttachmentsOfVolume,
  listSharedAttachments,
  updateAttachment,
} from '../store/attachments.ts';
import type { AttachmentRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';

type Holders = ReadonlyMap<VolumeId, AttachmentRow[]>;

/** By volume, of those that are shared. */
export async function loadHolders(db: Queries): Promise<Holders> {
  return Map.groupBy(await listSharedAttachments(db), ({ volumeId }) => volumeId);
}

export function areOpeningsNews(
  holders: readonly AttachmentRow[],
  observation: VolumeStorageObservation,
): boolean {
  return holders.some((row) => row.observedExport !== observedFor(row, observation));
}

export async function recordOpenings(
  tx: Queries,
  observation: VolumeStorageObservation,
): Promise<void> {
  for (const row of await listAttachmentsOfVolume(tx, observation.id)) {
    if (row.shared === 0) continue;
    await updateAttachment(tx, row, { observedExport: observedFor(row, observation) });
  }
}

function observedFor(
  { instanceId }: AttachmentRow,
  { openings = [] }: VolumeStorageObservation,
): string | null {
  const opening = openings.find((one) => one.instanceId === instanceId);
  return opening === undefined ? null : JSON.stringify(opening.export);
}
