// Owns DescribeImages.

import type { Image } from '@aws-sdk/client-ec2';
import { parseDevices } from '../app/block-devices.ts';
import type { FilterTable } from '../app/filters.ts';
import { type ImageView, viewImage } from '../app/image-view.ts';
import { IMAGE, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { ImageDevice, ImageRow } from '../store/image-schema.ts';
import { listImages } from '../store/images.ts';
import { listSnapshots } from '../store/snapshots.ts';
import { listTags } from '../store/tags.ts';
import { renderMappings } from './block-device-mappings.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface ImageItem {
  id: string;
  row: ImageRow;
  view: ImageView;
  devices: ImageDevice[];
  tags: Tag[];
}

type Values = (device: ImageDevice) => string | number | boolean | undefined;

/** Of every volume that the image maps. */
function ofDevices(value: Values) {
  return ({ devices }: ImageItem) => devices.map(value).filter((one) => one !== undefined);
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
    'root-device-type': ({ row }) => row.rootDeviceType,
    state: ({ view }) => view.state,
    'state-reason-code': ({ view }) => view.stateReason?.code,
    'state-reason-message': ({ view }) => view.stateReason?.message,
    'source-instance-id': ({ row }) => row.sourceInstanceId ?? undefined,
    'block-device-mapping.delete-on-termination': ofDevices((one) => one.deleteOnTermination),
    'block-device-mapping.device-name': ofDevices((one) => one.deviceName),
    'block-device-mapping.snapshot-id': ofDevices((one) => one.snapshotId),
    'block-device-mapping.volume-size': ofDevices((one) => one.sizeGib),
    'block-device-mapping.volume-type': ofDevices((one) => one.volumeType),
    'block-device-mapping.encrypted': ofDevices((one) => one.encrypted === true),
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
  const snapshots = await listSnapshots(app.store.query, accountId);
  const byId = new Map(snapshots.map((row) => [row.id, row]));
  const { items, nextToken } = selectPage(
    shown.map(
      (row): ImageItem => ({
        id: row.id,
        row,
        view: viewImage(row, byId),
        devices: parseDevices(row),
        tags: tags.of(row.id),
      }),
    ),
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

function renderImage({ row, view, tags }: ImageItem): Image {
  const { state, stateReason } = view;
  return {
    ImageId: row.id,
    Name: row.name,
    Description: row.description,
    ImageLocation: row.location,
    ImageType: 'machine',
    Architecture: 'x86_64',
    OwnerId: row.accountId,
    Public: false,
    State: state,
    ...(stateReason === undefined
      ? {}
      : { StateReason: { Code: stateReason.code, Message: stateReason.message } }),
    CreationDate: new Date(row.createdAt).toISOString(),
    RootDeviceName: row.rootDeviceName,
    RootDeviceType: row.rootDeviceType,
    ...(row.sourceInstanceId === null ? {} : { SourceInstanceId: row.sourceInstanceId }),
    VirtualizationType: 'hvm',
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
    EnaSupport: false,
    BlockDeviceMappings: renderMappings(row),
    ProductCodes: [],
    Tags: renderTags(tags),
  };
}
