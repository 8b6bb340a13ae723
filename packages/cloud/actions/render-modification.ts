// Owns EC2's shape of a volume's change.

import type { VolumeModification } from '@aws-sdk/client-ec2';
import { shownIops, shownThroughput } from '../app/volume-shape.ts';
import type { VolumeModificationRow, VolumeRow, VolumeShape } from '../store/schema.ts';

export interface ModificationItem {
  row: VolumeModificationRow;
  volume: VolumeRow;
}

/** The guest's node is the last to know. */
const PROGRESS = { modifying: 0, optimizing: 99, completed: 100, failed: 0 } as const;

export function originalOf({ row }: ModificationItem): VolumeShape {
  return JSON.parse(row.original) as VolumeShape;
}

export function targetOf({ row }: ModificationItem): VolumeShape {
  return JSON.parse(row.target) as VolumeShape;
}

export function isMultiAttach({ multiAttachEnabled }: VolumeShape): boolean {
  return multiAttachEnabled === 1;
}

export function renderModification(item: ModificationItem): VolumeModification {
  const { row, volume } = item;
  const original = originalOf(item);
  const target = targetOf(item);
  // What holds it up, such as a lack of room.
  const message = row.state === 'modifying' ? volume.observedReason : row.reason;
  return {
    VolumeId: row.volumeId,
    ModificationState: row.state,
    StatusMessage: message ?? undefined,
    TargetSize: target.sizeGib,
    TargetIops: shownIops(target),
    TargetVolumeType: target.volumeType,
    TargetThroughput: shownThroughput(target),
    TargetMultiAttachEnabled: isMultiAttach(target),
    OriginalSize: original.sizeGib,
    OriginalIops: shownIops(original),
    OriginalVolumeType: original.volumeType,
    OriginalThroughput: shownThroughput(original),
    OriginalMultiAttachEnabled: isMultiAttach(original),
    Progress: PROGRESS[row.state],
    StartTime: new Date(row.startedAt),
    EndTime: row.endedAt === null ? undefined : new Date(row.endedAt),
  };
}
