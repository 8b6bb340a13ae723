// Owns EC2's shape of a snapshot.

import type { Snapshot } from '@aws-sdk/client-ec2';
import type { App } from '../app/app.ts';
import { shownEncryption } from '../app/encryption.ts';
import type { Tag } from '../app/tags.ts';
import { viewSnapshotState } from '../app/volume-view.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { tagsOf } from './render-instance.ts';

export interface SnapshotItem {
  row: SnapshotRow;
  tags: Tag[];
}

export function viewProgress({ row }: SnapshotItem): string {
  return viewSnapshotState(row) === 'completed' ? '100%' : `${row.observedProgress}%`;
}

export function renderSnapshot(app: Pick<App, 'region'>, item: SnapshotItem): Snapshot {
  const { row, tags } = item;
  return {
    SnapshotId: row.id,
    VolumeId: row.volumeId,
    VolumeSize: row.volumeSizeGib,
    State: viewSnapshotState(row),
    ...(row.observedReason === null ? {} : { StateMessage: row.observedReason }),
    StartTime: new Date(row.createdAt),
    ...(row.completedAt === null ? {} : { CompletionTime: new Date(row.completedAt) }),
    Progress: viewProgress(item),
    OwnerId: row.accountId,
    Description: row.description,
    ...shownEncryption(app, row),
    StorageTier: 'standard',
    ...tagsOf(tags),
  };
}
