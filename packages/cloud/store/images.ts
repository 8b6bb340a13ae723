// Owns the queries on registered images.

import type { AccountId, ImageId } from '@ironbark/core/ids.ts';
import type { Insertable } from 'kysely';
import type { ImageRow, ImageTable } from './schema.ts';
import type { Queries } from './store.ts';

export function listImages(db: Queries, accountId: AccountId): Promise<ImageRow[]> {
  return db.selectFrom('image').selectAll().where('accountId', '=', accountId).execute();
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

export async function insertImage(db: Queries, row: Insertable<ImageTable>): Promise<void> {
  await db.insertInto('image').values(row).execute();
}

export async function deleteImage(db: Queries, id: ImageId): Promise<void> {
  await db.deleteFrom('image').where('id', '=', id).execute();
}
