// Owns the queries on who may launch whose images.

import type { AccountId, ImageId } from '@ironbark/core/ids.ts';
import type { ImageRow } from './image-schema.ts';
import { EVERYBODY, type Grantee } from './snapshot-permissions.ts';
import type { Queries } from './store.ts';

export async function listImageGrantees(db: Queries, imageId: ImageId): Promise<Grantee[]> {
  const rows = await db
    .selectFrom('imagePermission')
    .select('grantee')
    .where('imageId', '=', imageId)
    .orderBy('grantee')
    .execute();
  return rows.map(({ grantee }) => grantee);
}

/** Which images of others the account may launch, each with the grants that say so: its own and `all`. */
export function listSharedImages(
  db: Queries,
  accountId: AccountId,
): Promise<(ImageRow & { grantee: Grantee })[]> {
  return db
    .selectFrom('imagePermission')
    .innerJoin('image', 'image.id', 'imagePermission.imageId')
    .selectAll('image')
    .select('imagePermission.grantee')
    .where('imagePermission.grantee', 'in', [accountId, EVERYBODY])
    .where('image.accountId', '!=', accountId)
    .execute();
}

/** Of the account's own images, by image. */
export async function listOwnImageGrants(
  db: Queries,
  accountId: AccountId,
): Promise<Map<ImageId, Grantee[]>> {
  const rows = await db
    .selectFrom('imagePermission')
    .innerJoin('image', 'image.id', 'imagePermission.imageId')
    .select(['imagePermission.imageId', 'imagePermission.grantee'])
    .where('image.accountId', '=', accountId)
    .orderBy('imagePermission.grantee')
    .execute();
  const byImage = Map.groupBy(rows, ({ imageId }) => imageId);
  return new Map([...byImage].map(([id, some]) => [id, some.map(({ grantee }) => grantee)]));
}

export async function addImageGrantee(
  db: Queries,
  imageId: ImageId,
  grantee: Grantee,
): Promise<void> {
  await db
    .insertInto('imagePermission')
    .values({ imageId, grantee })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

export async function removeImageGrantee(
  db: Queries,
  imageId: ImageId,
  grantee: Grantee,
): Promise<void> {
  await db
    .deleteFrom('imagePermission')
    .where('imageId', '=', imageId)
    .where('grantee', '=', grantee)
    .execute();
}

export async function removeImageGrantees(db: Queries, imageId: ImageId): Promise<void> {
  await db.deleteFrom('imagePermission').where('imageId', '=', imageId).execute();
}
