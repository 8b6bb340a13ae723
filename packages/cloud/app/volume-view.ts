// Owns what a user sees of a volume, an attachment and a snapshot.

import type { AttachmentState, SnapshotState, VolumeState } from '@ironbark/core/states.ts';
import type { AttachmentRow, SnapshotRow, VolumeRow } from '../store/schema.ts';

export function viewVolumeState(
  volume: Pick<VolumeRow, 'desired' | 'observedState'>,
  attachment: AttachmentRow | undefined,
): VolumeState {
  if (volume.desired === 'absent') return 'deleting';
  if (attachment !== undefined) return 'in-use';
  switch (volume.observedState) {
    case 'ready':
      return 'available';
    case 'failed':
    case 'absent':
      return 'error';
    default:
      return 'creating';
  }
}

export function viewAttachmentState(
  attachment: Pick<AttachmentRow, 'desired' | 'observed'>,
): AttachmentState {
  return attachment.desired === 'detached' ? 'detaching' : attachment.observed;
}

export function viewSnapshotState(snapshot: Pick<SnapshotRow, 'observedState'>): SnapshotState {
  switch (snapshot.observedState) {
    case 'completed':
      return 'completed';
    case 'failed':
    case 'absent':
      return 'error';
    default:
      return 'pending';
  }
}
