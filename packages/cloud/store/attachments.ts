// Owns the queries on volume attachments: at most one of a volume to an instance.

import type { AccountId, InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import type { AttachmentTable } from './attachment-schema.ts';
import { inParts } from './in-parts.ts';
import type { AttachmentRow } from './schema.ts';
import type { Queries } from './store.ts';

export type AttachmentKey = Pick<AttachmentRow, 'volumeId' | 'instanceId'>;

export function listAttachments(db: Queries, accountId: AccountId): Promise<AttachmentRow[]> {
  return db
    .selectFrom('attachment')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('deviceName')
    .orderBy('createdAt')
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

export function listAttachmentsOfAny(
  db: Queries,
  ids: readonly InstanceId[],
): Promise<AttachmentRow[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('attachment')
      .selectAll()
      .where('instanceId', 'in', some)
      .orderBy('instanceId')
      .orderBy('deviceName')
      .execute(),
  );
}

/** The oldest first. */
export function listAttachmentsOfVolume(db: Queries, id: VolumeId): Promise<AttachmentRow[]> {
  return db
    .selectFrom('attachment')
    .selectAll()
    .where('volumeId', '=', id)
    .orderBy('createdAt')
    .orderBy('instanceId')
    .execute();
}

export function listAttachmentsOfVolumes(
  db: Queries,
  ids: readonly VolumeId[],
): Promise<AttachmentRow[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('attachment')
      .selectAll()
      .where('volumeId', 'in', some)
      .orderBy('deviceName')
      .orderBy('createdAt')
      .execute(),
  );
}

/** Of volumes that several instances may have. */
export function listSharedAttachments(db: Queries): Promise<AttachmentRow[]> {
  return db.selectFrom('attachment').selectAll().where('shared', '=', 1).execute();
}

export function findAttachment(
  db: Queries,
  { volumeId, instanceId }: AttachmentKey,
): Promise<AttachmentRow | undefined> {
  return db
    .selectFrom('attachment')
    .selectAll()
    .where('volumeId', '=', volumeId)
    .where('instanceId', '=', instanceId)
    .executeTakeFirst();
}

export async function insertAttachment(
  db: Queries,
  row: Insertable<AttachmentTable>,
): Promise<void> {
  await db.insertInto('attachment').values(row).execute();
}

export async function updateAttachment(
  db: Queries,
  { volumeId, instanceId }: AttachmentKey,
  values: Updateable<AttachmentTable>,
): Promise<void> {
  await db
    .updateTable('attachment')
    .set(values)
    .where('volumeId', '=', volumeId)
    .where('instanceId', '=', instanceId)
    .execute();
}

export async function deleteAttachment(
  db: Queries,
  { volumeId, instanceId }: AttachmentKey,
): Promise<void> {
  await db
    .deleteFrom('attachment')
    .where('volumeId', '=', volumeId)
    .where('instanceId', '=', instanceId)
    .execute();
}
