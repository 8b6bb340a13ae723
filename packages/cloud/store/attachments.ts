// Owns the queries on volume attachments: at most one for a volume.

import type { AccountId, InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import type { AttachmentRow, AttachmentTable } from './schema.ts';
import type { Queries } from './store.ts';

export function listAttachments(db: Queries, accountId: AccountId): Promise<AttachmentRow[]> {
  return db
    .selectFrom('attachment')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('deviceName')
    .execute();
}

export function listAttachmentsOf(db: Queries, id: InstanceId): Promise<AttachmentRow[]> {
  return db
    .selectFrom('attachment')
    .selectAll()
    .where('instanceId', '=', id)
    .orderBy('deviceName')
    .execute();
}

export function findAttachment(db: Queries, id: VolumeId): Promise<AttachmentRow | undefined> {
  return db.selectFrom('attachment').selectAll().where('volumeId', '=', id).executeTakeFirst();
}

export async function insertAttachment(
  db: Queries,
  row: Insertable<AttachmentTable>,
): Promise<void> {
  await db.insertInto('attachment').values(row).execute();
}

export async function updateAttachment(
  db: Queries,
  id: VolumeId,
  values: Updateable<AttachmentTable>,
): Promise<void> {
  await db.updateTable('attachment').set(values).where('volumeId', '=', id).execute();
}

export async function deleteAttachment(db: Queries, id: VolumeId): Promise<void> {
  await db.deleteFrom('attachment').where('volumeId', '=', id).execute();
}
