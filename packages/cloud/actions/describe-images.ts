// Owns DescribeImages.

import type { Image } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { IMAGE, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listImages } from '../store/images.ts';
import type { ImageRow } from '../store/schema.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface ImageItem {
  id: string;
  row: ImageRow;
  tags: Tag[];
}

const FILTERS: FilterTable<ImageItem> = {
  names: {
    architecture: ({ row }) => row.architecture,
    'creation-date': ({ row }) => new Date(row.createdAt).toISOString(),
    description: ({ row }) => row.description,
    'image-id': ({ id }) => id,
    'image-type': () => 'machine',
    'is-public': () => false,
    'manifest-location': ({ row }) => row.location,
    name: ({ row }) => row.name,
    'owner-id': ({ row }) => row.accountId,
    'owner-alias': () => 'self',
    'root-device-name': ({ row }) => row.rootDeviceName,
    'root-device-type': () => 'instance-store',
    state: () => 'available',
    'virtualization-type': () => 'hvm',
    'ena-support': () => false,
    platform: () => undefined,
  },
  tags: ({ tags }) => tags,
};

export const describeImages: Ec2Handler<'DescribeImages'> = async (app, context, input) => {
  const ids = parseIds(IMAGE, input.ImageIds, 'ImageId');
  const { accountId } = context;
  const tags = new TagIndex(await listTags(app.store.query, accountId));
  const rows = await listImages(app.store.query, accountId);
  const named = ids.length === 0 ? rows : matchIds(IMAGE, ids, rows);
  const shown = named.filter(
    (row) => matchesOwner(row, input.Owners) && matchesUser(row, input.ExecutableUsers),
  );
  const { items, nextToken } = selectPage(
    shown.map((row): ImageItem => ({ id: row.id, row, tags: tags.of(row.id) })),
    input,
    {
      action: 'DescribeImages',
      idsParameter: 'imageIds',
      table: FILTERS,
      sortKey: ({ id }) => id,
    },
    ids,
  );
  return { Images: items.map(renderImage), NextToken: nextToken };
};

function matchesOwner(row: ImageRow, owners: readonly string[] | undefined): boolean {
  if (owners === undefined || owners.length === 0) return true;
  return owners.includes('self') || owners.includes(row.accountId);
}

/** Every image is its owner's alone, so only `self` may launch it. */
function matchesUser(row: ImageRow, users: readonly string[] | undefined): boolean {
  if (users === undefined || users.length === 0) return true;
  return users.includes('self') || users.includes(row.accountId);
}

function renderImage({ row, tags }: ImageItem): Image {
  return {
    ImageId: row.id,
    Name: row.name,
    Description: row.description,
    ImageLocation: row.location,
    ImageType: 'machine',
    Architecture: 'x86_64',
    OwnerId: row.accountId,
    Public: false,
    State: 'available',
    CreationDate: new Date(row.createdAt).toISOString(),
    RootDeviceName: row.rootDeviceName,
    RootDeviceType: 'instance-store',
    VirtualizationType: 'hvm',
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
    EnaSupport: false,
    BlockDeviceMappings: [],
    ProductCodes: [],
    Tags: renderTags(tags),
  };
}
