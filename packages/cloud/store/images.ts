// Owns the queries on registered images.

import type { AccountId, ImageId, InstanceId } from '@ironbark/core/ids.ts';
import type { Insertable, Updateable } from 'kysely';
import type { GoneImageTable, ImageRow, ImageTable } from './image-schema.ts';
import type { Queries } from './store.ts';

export function listImages(db: Queries, accountId: AccountId): Promise<ImageRow[]> {
  return db.selectFrom('image').selectAll().where('accountId', '=', accountId).execute();
}

export function findImage(db: Queries, id: ImageId): Promise<ImageRow | undefined> {
  return db.selectFrom('image').selectAll().where('id', '=', id).executeTakeFirst();
}

export function findImageNamed(
  db: Queries,
  accountId: AccountId,
  name: string,
): Promise<ImageRow | undefined> {
  return db
    .selectFrom('image')
    .selectAll()
    .where('accountId', '=', accountId)
    .where('name', '=', name)
    .executeTakeFirst();
}

/** Images whose instance is down for them, or was. */
export async function listImagesInTheMaking(db: Queries): Promise<ImageId[]> {
  const rows = await db
    .selectFrom('image')
    .select('id')
    .where('stage', 'in', ['stopping', 'restarting'])
    .execute();
  return rows.map((row) => row.id);
}

export async function insertImage(db: Queries, row: Insertable<ImageTable>): Promise<void> {
  await db.insertInto('image').values(row).execute();
}

export async function updateImage(
  db: Queries,
  id: ImageId,
  values: Updateable<ImageTable>,
): Promise<void> {
  await db.updateTable('image').set(values).where('id', '=', id).execute();
}

/** Its user wants it stopped: no image starts it again. */
export async function leaveStopped(db: Queries, id: InstanceId): Promise<void> {
  await db
    .updateTable('image')
    .set({ restartsInstance: 0 })
    .where('sourceInstanceId', '=', id)
    .where('restartsInstance', '=', 1)
    .execute();
}

export async function deleteImage(db: Queries, id: ImageId): Promise<void> {
  await db.deleteFrom('image').where('id', '=', id).execute();
}

export async function insertGoneImage(db: Queries, row: GoneImageTable): Promise<void> {
  await db.insertInto('goneImage').values(row).execute();
}

/** Which of these the account had. */
export async function findGoneImages(
  db: Queries,
  accountId: AccountId,
  ids: readonly ImageId[],
): Promise<ImageId[]> {
  const found: ImageId[] = [];
  for (const id of ids) {
    const query = db.selectFrom('goneImage').select('id').where('id', '=', id);
    const row = await query.where('accountId', '=', accountId).executeTakeFirst();
    if (row !== undefined) found.push(row.id);
  }
  return found;
}

export async function deleteGoneImagesBefore(db: Queries, goneAt: number): Promise<void> {
  await db.deleteFrom('goneImage').where('goneAt', '<', goneAt).execute();
}
