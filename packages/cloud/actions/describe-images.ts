// Owns DescribeImages.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { parseDevices } from '../app/block-devices.ts';
import { listVisibleImages, type VisibleImage } from '../app/image-access.ts';
import { viewProtection } from '../app/image-protection.ts';
import { viewImage } from '../app/image-view.ts';
import { IMAGE, matchIds, parseIds } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { findGoneImages } from '../store/images.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { EVERYBODY } from '../store/snapshot-permissions.ts';
import { findSnapshotsOfAll } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { IMAGE_FILTERS, type ImageItem, renderImage } from './render-image.ts';
import { selectPage } from './select-page.ts';

export const describeImages: Ec2Handler<'DescribeImages'> = async (app, context, input) => {
  const ids = parseIds(IMAGE, input.ImageIds, 'ImageId');
  const { accountId } = context;
  const db = app.store.query;
  const visible = await listVisibleImages(db, accountId);
  const isAll = ids.length > 0 || input.IncludeDeprecated === true;
  // "Recently deregistered images ... return empty results": API reference of DescribeImages. Clients wait for that.
  const gone = new Set((await findGoneImages(db, accountId, ids)).map(String));
  const asked = ids.filter((id) => !gone.has(id));
  const named = ids.length === 0 ? visible : matchIds(IMAGE, asked, visible);
  const nowMs = app.clock.nowMs();
  const shown = named.filter(
    (image) =>
      (isAll || isListed(image, accountId, nowMs)) &&
      matchesOwner(image, input.Owners, accountId) &&
      matchesUser(image, input.ExecutableUsers, accountId),
  );
  const tags = new TagIndex(await listTagsOfType(db, accountId, 'image'));
  const snapshots = await loadSnapshots(db, shown);
  const names = {
    ...IMAGE_FILTERS.names,
    'source-image-region': ({ row }: ImageItem) =>
      row.sourceImageId === null ? undefined : app.region,
  };
  const { items, nextToken } = selectPage(
    shown.map(
      ({ id, row, grantees }): ImageItem => ({
        id,
        row,
        isPublic: grantees.includes(EVERYBODY),
        view: viewImage(row, snapshots),
        protection: viewProtection(row, nowMs),
        devices: parseDevices(row),
        tags: tags.of(id),
      }),
    ),
    input,
    {
      action: 'DescribeImages',
      idsParameter: 'imageIds',
      table: { ...IMAGE_FILTERS, names },
      sortKey: ({ id }) => id,
    },
    ids,
  );
  return { Images: items.map((item) => renderImage(item, app.region)), NextToken: nextToken };
};

/** "If you are the AMI owner, all deprecated AMIs appear in the response": API reference of DescribeImages. */
function isListed({ row }: VisibleImage, accountId: string, nowMs: number): boolean {
  const { deprecatedAt } = row;
  return row.accountId === accountId || deprecatedAt === null || deprecatedAt > nowMs;
}

async function loadSnapshots(
  db: Queries,
  images: readonly VisibleImage[],
): Promise<Map<SnapshotId, SnapshotRow>> {
  const ids = images.flatMap(({ row }) =>
    parseDevices(row).flatMap(({ snapshotId }) => snapshotId ?? []),
  );
  const rows = await findSnapshotsOfAll(db, [...new Set(ids)]);
  return new Map(rows.map((row) => [row.id, row]));
}

function matchesOwner(
  { row }: VisibleImage,
  owners: readonly string[] | undefined,
  accountId: string,
): boolean {
  if (owners === undefined || owners.length === 0) return true;
  const isOwn = row.accountId === accountId;
  return owners.some((owner) => (owner === 'self' ? isOwn : owner === row.accountId));
}

/** By explicit permissions: an owner needs none. */
function matchesUser(
  { grantees }: VisibleImage,
  users: readonly string[] | undefined,
  accountId: string,
): boolean {
  if (users === undefined || users.length === 0) return true;
  return users.some((user) => grantees.includes(user === 'self' ? accountId : user));
}
