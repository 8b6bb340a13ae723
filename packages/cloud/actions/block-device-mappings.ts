// Owns EC2's shape of a block device mapping: read from requests, written for images.

import type { BlockDeviceMapping } from '@aws-sdk/client-ec2';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { checkDeviceName } from '../app/attachments.ts';
import { badMapping, type DeviceWish, parseDevices } from '../app/block-devices.ts';
import { missingParameter, refuseParameters } from '../app/refusals.ts';
import { parseId, SNAPSHOT } from '../app/resource-ids.ts';
import { parseVolumeType, shownIops, shownThroughput } from '../app/volume-shape.ts';
import type { ImageDevice, ImageRow } from '../store/image-schema.ts';

type WireMapping = NonNullable<Ec2Input<'RunInstances'>['BlockDeviceMappings']>[number];

export function parseMappings(mappings: readonly WireMapping[] | undefined): DeviceWish[] {
  const parsed = (mappings ?? []).map(parseMapping);
  const names = new Set(parsed.map((mapping) => mapping.deviceName));
  if (names.size < parsed.length) throw badMapping('Each device name can be used once.');
  return parsed;
}

function parseMapping({ DeviceName, Ebs, NoDevice, VirtualName }: WireMapping): DeviceWish {
  if (DeviceName === undefined) throw missingParameter('BlockDeviceMapping.DeviceName');
  const isLeftOut = NoDevice !== undefined;
  if (VirtualName === undefined && Ebs === undefined && !isLeftOut) throw missingParameter('ebs');
  if (VirtualName !== undefined || isLeftOut === (Ebs !== undefined)) {
    throw badMapping(`${DeviceName}: only EBS volumes can be mapped.`);
  }
  refuseParameters(Ebs ?? {}, ['OutpostArn', 'VolumeInitializationRate']);
  const { SnapshotId, VolumeType } = Ebs ?? {};
  return {
    deviceName: checkDeviceName(DeviceName),
    isLeftOut,
    sizeGib: Ebs?.VolumeSize,
    snapshotId: SnapshotId === undefined ? undefined : parseId(SNAPSHOT, SnapshotId, 'SnapshotId'),
    volumeType: VolumeType === undefined ? undefined : parseVolumeType(VolumeType),
    iops: Ebs?.Iops,
    throughputMibps: Ebs?.Throughput,
    deleteOnTermination: Ebs?.DeleteOnTermination,
    encrypted: Ebs?.Encrypted,
    kmsKeyId: Ebs?.KmsKeyId,
  };
}

export function renderMappings(image: Pick<ImageRow, 'devices'>): BlockDeviceMapping[] {
  return parseDevices(image).map(renderMapping);
}

function renderMapping(device: ImageDevice): BlockDeviceMapping {
  const { sizeGib, volumeType, snapshotId, iops = null, throughputMibps = null } = device;
  const shape = { sizeGib, volumeType, iops, throughputMibps };
  return {
    DeviceName: device.deviceName,
    Ebs: {
      DeleteOnTermination: device.deleteOnTermination,
      ...(snapshotId === undefined ? {} : { SnapshotId: snapshotId }),
      VolumeSize: sizeGib,
      VolumeType: volumeType,
      // Of gp2 it follows from the size, and cannot be ordered.
      ...(volumeType === 'gp2' ? {} : { Iops: shownIops(shape) }),
      Throughput: shownThroughput(shape),
      Encrypted: device.encrypted === true,
    },
  };
}
