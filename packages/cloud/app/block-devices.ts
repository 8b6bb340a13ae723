// Owns which volumes an instance gets at its launch: those of its image, changed and added to by the caller.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { VolumeType } from '@ironbark/core/volume-types.ts';
import type { ImageDevice, ImageRow } from '../store/image-schema.ts';
import { refuse } from './refusals.ts';
import { DEFAULT_VOLUME_TYPE } from './volume-shape.ts';
import type { VolumeMapping } from './volumes.ts';

/** One entry of a request's block device mapping: what it does not say is the image's, or the default. */
export interface DeviceWish {
  deviceName: string;
  /** The image's device of this name is not wanted. */
  isLeftOut: boolean;
  sizeGib: number | undefined;
  snapshotId: SnapshotId | undefined;
  volumeType: VolumeType | undefined;
  iops: number | undefined;
  throughputMibps: number | undefined;
  deleteOnTermination: boolean | undefined;
  encrypted: boolean | undefined;
  kmsKeyId: string | undefined;
}

export function parseDevices(image: Pick<ImageRow, 'devices'>): ImageDevice[] {
  return JSON.parse(image.devices) as ImageDevice[];
}

/** The names under which clients mean the root disk, whatever the image calls it. */
const ROOT_NAMES = ['/dev/sda1', '/dev/sda', '/dev/vda', '/dev/xvda'];

export function planVolumes(
  image: Pick<ImageRow, 'accountId' | 'devices' | 'rootDeviceName' | 'rootDeviceType'>,
  wishes: readonly DeviceWish[],
): VolumeMapping[] {
  const devices = parseDevices(image);
  for (const wish of wishes) checkWish(image, devices, wish);
  const byName = new Map(wishes.map((wish) => [wish.deviceName, wish]));
  const own = devices.filter(({ deviceName }) => byName.get(deviceName)?.isLeftOut !== true);
  const isOwn = (wish: DeviceWish) => devices.some((one) => one.deviceName === wish.deviceName);
  const added = wishes.filter((wish) => !wish.isLeftOut && !isOwn(wish));
  return [
    ...own.map((device) => mergeDevice(image, device, byName.get(device.deviceName))),
    ...added.map(toMapping),
  ];
}

function checkWish(
  { rootDeviceName, rootDeviceType }: Pick<ImageRow, 'rootDeviceName' | 'rootDeviceType'>,
  devices: readonly ImageDevice[],
  wish: DeviceWish,
): void {
  const { deviceName, isLeftOut, snapshotId, volumeType } = wish;
  if (rootDeviceType === 'instance-store' && ROOT_NAMES.includes(deviceName) && !isLeftOut) {
    throw badMapping(
      `${deviceName} is the root device: it is made from the image, has the image's size and survives stop and start. Map additional volumes to /dev/sdf and on.`,
    );
  }
  if (deviceName !== rootDeviceName || rootDeviceType !== 'ebs') return;
  if (isLeftOut) throw badMapping(`${deviceName} is the root device: no instance is without it.`);
  const own = devices.find((device) => device.deviceName === deviceName);
  if (snapshotId !== undefined && snapshotId !== own?.snapshotId) {
    throw badMapping(`snapshotId cannot be modified on root device (${deviceName}).`);
  }
  if (volumeType !== undefined) checkRootType(volumeType);
}

export function checkRootType(volumeType: VolumeType): void {
  if (volumeType !== 'st1' && volumeType !== 'sc1') return;
  throw badMapping(
    `The volume type ${volumeType} is not compatible with root volumes. Select gp2, gp3, io1, io2 or standard.`,
  );
}

function mergeDevice(
  { accountId: lender }: Pick<ImageRow, 'accountId'>,
  device: ImageDevice,
  wish: DeviceWish | undefined,
): VolumeMapping {
  const volumeType = wish?.volumeType ?? device.volumeType;
  // What another type was ordered with says nothing about this one.
  const rates = volumeType === device.volumeType ? device : undefined;
  return {
    deviceName: device.deviceName,
    sizeGib: wish?.sizeGib ?? device.sizeGib,
    snapshotId: wish?.snapshotId ?? device.snapshotId,
    ...(wish?.snapshotId === undefined ? { lender } : {}),
    volumeType,
    iops: wish?.iops ?? rates?.iops,
    throughputMibps: wish?.throughputMibps ?? rates?.throughputMibps,
    deleteOnTermination: wish?.deleteOnTermination ?? device.deleteOnTermination,
    encrypted: wish?.encrypted,
    kmsKeyId: wish?.kmsKeyId,
  };
}

function toMapping(wish: DeviceWish): VolumeMapping {
  const { deviceName, sizeGib, snapshotId, iops, throughputMibps, encrypted, kmsKeyId } = wish;
  const { volumeType = DEFAULT_VOLUME_TYPE, deleteOnTermination = true } = wish;
  const rates = { volumeType, iops, throughputMibps };
  return { deviceName, sizeGib, snapshotId, ...rates, deleteOnTermination, encrypted, kmsKeyId };
}

export function badMapping(message: string): Error {
  return refuse('invalid-parameter', 'block-device-mapping', message);
}
