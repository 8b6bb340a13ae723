// Owns EC2's shape of a volume and of its attachment.

import type { Volume, VolumeAttachment } from '@aws-sdk/client-ec2';
import type { AttachmentState } from '@ironbark/core/states.ts';
import type { App } from '../app/app.ts';
import { shownEncryption } from '../app/encryption.ts';
import type { Tag } from '../app/tags.ts';
import { shownIops, shownThroughput } from '../app/volume-shape.ts';
import { viewAttachmentState, viewVolumeState } from '../app/volume-view.ts';
import type { AttachmentRow, VolumeRow } from '../store/schema.ts';
import { tagsOf } from './render-instance.ts';

export interface VolumeItem {
  row: VolumeRow;
  /** One for each instance that has it. */
  attachments: readonly AttachmentRow[];
  tags: Tag[];
}

export function renderVolume(app: Pick<App, 'region'>, item: VolumeItem): Volume {
  const { row, attachments, tags } = item;
  return {
    VolumeId: row.id,
    Size: row.sizeGib,
    SnapshotId: row.snapshotId ?? '',
    AvailabilityZone: row.zone,
    State: viewVolumeState(row, attachments[0]),
    CreateTime: new Date(row.createdAt),
    VolumeType: row.volumeType,
    Iops: shownIops(row),
    Throughput: shownThroughput(row),
    ...shownEncryption(app, row),
    MultiAttachEnabled: row.multiAttachEnabled === 1,
    Attachments: attachments.map((attachment) => renderAttachment(attachment)),
    ...tagsOf(tags),
  };
}

export function renderAttachment(
  row: AttachmentRow,
  state: AttachmentState = viewAttachmentState(row),
): VolumeAttachment {
  return {
    VolumeId: row.volumeId,
    InstanceId: row.instanceId,
    Device: row.deviceName,
    State: state,
    AttachTime: new Date(row.createdAt),
    DeleteOnTermination: row.deleteOnTermination === 1,
  };
}
