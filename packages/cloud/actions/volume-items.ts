// Owns volumes as the Describe actions see them: rows with their attachments and tags.

import type { AccountId, VolumeId } from '@ironbark/core/ids.ts';
import type { FilterTable } from '../app/filters.ts';
import { matchIds, VOLUME } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { viewAttachmentState, viewVolumeState } from '../app/volume-view.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import { listAttachments, listAttachmentsOfVolumes } from '../store/attachments.ts';
import type { AttachmentRow, TagRow, VolumeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOfAny, listTagsOfType } from '../store/tags.ts';
import { findVolumes, listVolumes } from '../store/volumes.ts';
import type { VolumeItem } from './render-volume.ts';

/** All of the account's, or those with these ids in their order. Throws for those that do not exist. */
export async function loadVolumes(
  db: Queries,
  accountId: AccountId,
  ids: readonly VolumeId[],
): Promise<VolumeItem[]> {
  if (ids.length > 0) return loadNamed(db, accountId, ids);
  const tags = await listTagsOfType(db, accountId, 'volume');
  const attachments = await listAttachments(db, accountId);
  return toItems(await listVolumes(db, accountId), attachments, tags);
}

async function loadNamed(
  db: Queries,
  accountId: AccountId,
  ids: readonly VolumeId[],
): Promise<VolumeItem[]> {
  const rows = matchIds(VOLUME, ids, await findVolumes(db, accountId, ids));
  const attachments = await listAttachmentsOfVolumes(db, ids);
  return toItems(rows, attachments, await listTagsOfAny(db, ids));
}

function toItems(
  rows: readonly VolumeRow[],
  attachments: readonly AttachmentRow[],
  tagRows: readonly TagRow[],
): VolumeItem[] {
  const tags = new TagIndex(tagRows);
  const byVolume = Map.groupBy(attachments, (row) => row.volumeId);
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
