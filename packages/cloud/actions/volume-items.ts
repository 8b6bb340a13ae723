// Owns volumes as the Describe actions see them: rows with their attachments and tags.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { FilterTable } from '../app/filters.ts';
import { TagIndex } from '../app/tags.ts';
import { viewAttachmentState, viewVolumeState } from '../app/volume-view.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import { listAttachments } from '../store/attachments.ts';
import type { Queries } from '../store/store.ts';
import { listTags } from '../store/tags.ts';
import { listVolumes } from '../store/volumes.ts';
import type { VolumeItem } from './render-volume.ts';

export async function loadVolumes(db: Queries, accountId: AccountId): Promise<VolumeItem[]> {
  const tags = new TagIndex(await listTags(db, accountId));
  const attachments = await listAttachments(db, accountId);
  const byVolume = Map.groupBy(attachments, (row) => row.volumeId);
  const rows = await listVolumes(db, accountId);
  return rows.map((row) => {
    return { row, attachments: byVolume.get(row.id) ?? [], tags: tags.of(row.id) };
  });
}

/** Names and meanings: API reference of DescribeVolumes. */
export const VOLUME_FILTERS: FilterTable<VolumeItem> = {
  names: {
    'volume-id': ({ row }) => row.id,
    'availability-zone': ({ row }) => row.zone,
    'availability-zone-id': ({ row }) => zoneIdOf(row.zone),
    'create-time': ({ row }) => new Date(row.createdAt).toISOString(),
    encrypted: ({ row }) => row.encrypted === 1,
    'fast-restored': () => false,
    'multi-attach-enabled': ({ row }) => row.multiAttachEnabled === 1,
    'operator.managed': () => false,
    'operator.principal': () => undefined,
    size: ({ row }) => row.sizeGib,
    'snapshot-id': ({ row }) => row.snapshotId ?? undefined,
    status: ({ row, attachments }) => viewVolumeState(row, attachments[0]),
    'volume-type': ({ row }) => row.volumeType,
    'attachment.attach-time': ({ attachments }) =>
      attachments.map(({ createdAt }) => new Date(createdAt).toISOString()),
    'attachment.delete-on-termination': ({ attachments }) =>
      attachments.map(({ deleteOnTermination }) => deleteOnTermination === 1),
    'attachment.device': ({ attachments }) => attachments.map(({ deviceName }) => deviceName),
    'attachment.instance-id': ({ attachments }) => attachments.map(({ instanceId }) => instanceId),
    'attachment.status': ({ attachments }) => attachments.map(viewAttachmentState),
  },
  tags: ({ tags }) => tags,
};
