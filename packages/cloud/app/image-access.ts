// Owns who sees and may launch which images: their owners, and whom these share them with.

import type { AccountId, ImageId } from '@ironbark/core/ids.ts';
import { listAccounts } from '../store/accounts.ts';
import {
  addImageGrantee,
  listImageGrantees,
  listOwnImageGrants,
  listSharedImages,
  removeImageGrantee,
} from '../store/image-permissions.ts';
import type { ImageRow } from '../store/image-schema.ts';
import { findImage, listImages } from '../store/images.ts';
import { EVERYBODY, type Grantee } from '../store/snapshot-permissions.ts';
import type { Queries } from '../store/store.ts';
import { parseDevices } from './block-devices.ts';
import { noImage } from './gone-images.ts';
import { requirePublicSharing } from './public-sharing.ts';
import { refuse } from './refusals.ts';
import type { PermissionChange } from './snapshot-access.ts';

/** An image with what the caller may know of who can launch it. */
export interface VisibleImage {
  id: ImageId;
  row: ImageRow;
  /** All of them for the owner; others see whether it is shared with them and with all. */
  grantees: readonly Grantee[];
}

/** The account's own, and those of others that it may launch. */
export async function listVisibleImages(
  db: Queries,
  accountId: AccountId,
): Promise<VisibleImage[]> {
  const grants = await listOwnImageGrants(db, accountId);
  const own = (await listImages(db, accountId)).map((row) => ({
    id: row.id,
    row,
    grantees: grants.get(row.id) ?? [],
  }));
  const shared = Map.groupBy(await listSharedImages(db, accountId), ({ id }) => id);
  const others = [...shared].map(([id, rows]) => {
    const { grantee: _grantee, ...row } = rows[0]!;
    return { id, row, grantees: rows.map(({ grantee }) => grantee) };
  });
  return [...own, ...others];
}

/** One that the caller may launch, its own or shared; asked for at each use, since sharing can end. */
export async function getLaunchable(
  tx: Queries,
  accountId: AccountId,
  id: ImageId,
): Promise<ImageRow> {
  const image = await findImage(tx, id);
  if (image !== undefined && (await mayLaunch(tx, image, accountId))) return image;
  throw await noImage(tx, accountId, [id]);
}

/** Its owner, and whom the owner shares it with. */
export async function mayLaunch(
  tx: Queries,
  image: ImageRow,
  accountId: AccountId,
): Promise<boolean> {
  if (image.accountId === accountId) return true;
  const grantees = await listImageGrantees(tx, image.id);
  return grantees.includes(EVERYBODY) || grantees.includes(accountId);
}

/** Our own: far more than anybody shares one image with by name. */
const MAX_GRANTEES = 1_000;

export async function changeImageGrantees(
  tx: Queries,
  image: ImageRow,
  { add, remove }: PermissionChange,
): Promise<void> {
  await requirePublicSharing(tx, image.accountId, { add, noun: 'image' });
  if (add.length > 0 && parseDevices(image).some(({ encrypted }) => encrypted === true)) {
    throw refuse(
      'operation-not-permitted',
      'image',
      'Images with snapshots that are encrypted with the EBS default key cannot be shared',
    );
  }
  const accounts = new Set((await listAccounts(tx)).map((account) => account.id));
  const stranger = add.find((grantee) => grantee !== EVERYBODY && !accounts.has(grantee));
  if (stranger !== undefined) throw badGrantee('userId', stranger, 'There is no such account.');
  for (const grantee of add) await addImageGrantee(tx, image.id, grantee);
  for (const grantee of remove) await removeImageGrantee(tx, image.id, grantee);
  if ((await listImageGrantees(tx, image.id)).length <= MAX_GRANTEES) return;
  throw refuse(
    'limit-exceeded',
    'image',
    `An image can be shared with ${MAX_GRANTEES} accounts by name; share it with all instead.`,
  );
}

export function badGrantee(item: 'userId' | 'userGroup', text: string, why: string): Error {
  return refuse(
    'invalid-parameter',
    'launch-permission',
    `Invalid attribute item value "${text.slice(0, 64)}" for ${item} item type. ${why}`,
  );
}
