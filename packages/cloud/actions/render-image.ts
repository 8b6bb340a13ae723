// Owns EC2's shape of an image, and what images can be filtered by.

import type { Image } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import type { ImageView } from '../app/image-view.ts';
import type { Tag } from '../app/tags.ts';
import type { ImageDevice, ImageRow } from '../store/image-schema.ts';
import { renderMappings } from './block-device-mappings.ts';
import { tagsOf } from './render-instance.ts';

export interface ImageItem {
  id: string;
  row: ImageRow;
  isPublic: boolean;
  view: ImageView;
  /** As {@link viewProtection} says it. */
  protection: string;
  devices: ImageDevice[];
  tags: Tag[];
}

type Values = (device: ImageDevice) => string | number | boolean | undefined;

/** Of every volume that the image maps. */
function ofDevices(value: Values) {
  return ({ devices }: ImageItem) => devices.map(value).filter((one) => one !== undefined);
}

const NOTHING = [
  'image-watermark.source-image-creation-time',
  'image-watermark.source-image-id',
  'image-watermark.source-image-region',
  'image-watermark.watermark-creation-time',
  'image-watermark.watermark-key',
  'public-ssm-parameter-name',
  'scan-result.critical-fix-available-since',
  'scan-result.finding-scan-date',
  'scan-result.high-fix-available-since',
  'scan-result.highest-finding-severity-label',
  'scan-result.informational-fix-available-since',
  'scan-result.low-fix-available-since',
  'scan-result.medium-fix-available-since',
];

/** Names and meanings: API reference of DescribeImages. What no image here has matches nothing. */
export const IMAGE_FILTERS: FilterTable<ImageItem> = {
  names: {
    ...Object.fromEntries(NOTHING.map((name) => [name, () => undefined])),
    'free-tier-eligible': () => false,
    architecture: ({ row }) => row.architecture,
    'creation-date': ({ row }) => new Date(row.createdAt).toISOString(),
    description: ({ row }) => row.description,
    hypervisor: () => HYPERVISOR,
    'image-allowed': () => true,
    'image-id': ({ id }) => id,
    'image-type': () => 'machine',
    'is-public': ({ isPublic }) => isPublic,
    'kernel-id': () => undefined,
    'manifest-location': ({ row }) => row.location,
    name: ({ row }) => row.name,
    'owner-id': ({ row }) => row.accountId,
    'owner-alias': () => undefined,
    'product-code': () => undefined,
    'product-code.type': () => undefined,
    'ramdisk-id': () => undefined,
    'root-device-name': ({ row }) => row.rootDeviceName,
    'root-device-type': ({ row }) => row.rootDeviceType,
    state: ({ view }) => view.state,
    'state-reason-code': ({ view }) => view.stateReason?.code,
    'state-reason-message': ({ view }) => view.stateReason?.message,
    'source-image-id': ({ row }) => row.sourceImageId ?? undefined,
    'source-instance-id': ({ row }) => row.sourceInstanceId ?? undefined,
    'sriov-net-support': ({ row }) => row.sriovNetSupport ?? undefined,
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

/** The one of EC2's two words that is not wrong of QEMU: "ovm" is Oracle's, "xen" is what EC2 says of Nitro too. */
const HYPERVISOR = 'xen';

export function renderImage(item: ImageItem, region: string): Image {
  const { row, view, tags, isPublic, protection } = item;
  const { state, stateReason } = view;
  return {
    ImageId: row.id,
    Name: row.name,
    Description: row.description,
    ImageLocation: row.location,
    ImageType: 'machine',
    Architecture: 'x86_64',
    Hypervisor: HYPERVISOR,
    OwnerId: row.accountId,
    Public: isPublic,
    State: state,
    ...(stateReason === undefined
      ? {}
      : { StateReason: { Code: stateReason.code, Message: stateReason.message } }),
    CreationDate: new Date(row.createdAt).toISOString(),
    ...(row.deprecatedAt === null
      ? {}
      : { DeprecationTime: new Date(row.deprecatedAt).toISOString() }),
    DeregistrationProtection: protection,
    RootDeviceName: row.rootDeviceName,
    RootDeviceType: row.rootDeviceType,
    ...(row.sourceInstanceId === null ? {} : { SourceInstanceId: row.sourceInstanceId }),
    ...(row.sourceImageId === null
      ? {}
      : { SourceImageId: row.sourceImageId, SourceImageRegion: region }),
    VirtualizationType: 'hvm',
    PlatformDetails: 'Linux/UNIX',
    UsageOperation: 'RunInstances',
    EnaSupport: false,
    ...(row.sriovNetSupport === null ? {} : { SriovNetSupport: row.sriovNetSupport }),
    BlockDeviceMappings: renderMappings(row),
    ProductCodes: [],
    ...tagsOf(tags),
  };
}
