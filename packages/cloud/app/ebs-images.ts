// Owns the registration of images whose root disks are volumes: from a snapshot, or from a manifest whose root disk
// becomes one.

import type { ImageId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { ImageManifest } from '@ironbark/protocol/internal/image-manifest.ts';
import type { ImageDevice, SriovNetSupport } from '../store/image-schema.ts';
import type { SnapshotRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import { checkVolumeCount } from './attachments.ts';
import { badMapping, checkRootType, type DeviceWish } from './block-devices.ts';
import type { Caller, Change } from './change.ts';
import { addImage, ebsColumns, toInstanceImage } from './images.ts';
import { refuse } from './refusals.ts';
import { getOwnSnapshot, importSnapshot } from './snapshots.ts';
import type { Tag } from './tags.ts';
import { chooseShape, DEFAULT_VOLUME_TYPE } from './volume-shape.ts';
import { viewSnapshotState } from './volume-view.ts';

export interface EbsRegistration {
  name: string;
  description: string | undefined;
  tags: readonly Tag[];
  sriovNetSupport: SriovNetSupport | null;
  rootDeviceName: string;
  wishes: readonly DeviceWish[];
  /** What it boots with, and its root disk unless that is a snapshot's; absent: firmware boots the disk. */
  manifest: { bucket: string; contents: ImageManifest } | undefined;
}

export async function registerEbsImage(
  app: App,
  caller: Caller,
  change: Change,
  registration: EbsRegistration,
): Promise<ImageId> {
  const { name, manifest, rootDeviceName, tags, sriovNetSupport } = registration;
  const id = newId(app.random, 'ami');
  const wishes = checkWishes(registration);
  const devices: ImageDevice[] = [];
  for (const wish of wishes) {
    const isNew = isImported(registration, wish);
    const source = isNew ? await importRoot(app, caller, change, { id, registration, wish }) : wish;
    devices.push(await toDevice(change.tx, caller, source));
  }
  requireRoot(registration, devices);
  const image = manifest && toInstanceImage(id, manifest.bucket, manifest.contents);
  const { id: _id, root: _root, ...boot } = image ?? { id };
  const { minMemoryMib = 1, loginUser = 'root', description = '' } = manifest?.contents ?? {};
  const backing = { rootDeviceName, devices, boot, minMemoryMib, loginUser };
  return addImage(caller, change, id, {
    name,
    description: registration.description ?? description,
    tags,
    columns: { ...ebsColumns(caller, { id, name }, backing), sriovNetSupport },
  });
}

function checkWishes({ wishes }: EbsRegistration): DeviceWish[] {
  const kept = wishes.filter(({ isLeftOut }) => !isLeftOut);
  checkVolumeCount(kept.length);
  return kept;
}

function requireRoot({ rootDeviceName }: EbsRegistration, devices: readonly ImageDevice[]): void {
  const root = devices.find(({ deviceName }) => deviceName === rootDeviceName);
  if (root?.snapshotId === undefined) {
    throw badMapping(`No snapshot is given for the root device ${rootDeviceName}.`);
  }
  checkRootType(root.volumeType);
}

function isImported({ rootDeviceName, manifest }: EbsRegistration, wish: DeviceWish): boolean {
  const isEmptyRoot = wish.deviceName === rootDeviceName && wish.snapshotId === undefined;
  return isEmptyRoot && manifest !== undefined;
}

/** The image is pending until the storage has made the snapshot. */
async function importRoot(
  app: App,
  caller: Caller,
  change: Change,
  { id, registration, wish }: { id: ImageId; registration: EbsRegistration; wish: DeviceWish },
): Promise<DeviceWish> {
  const { bucket, contents } = registration.manifest!;
  const { root } = toInstanceImage(id, bucket, contents);
  const snapshotId = await importSnapshot(app, caller, change, {
    source: root,
    sizeGib: Math.ceil(root.unpackedBytes / GIB),
    description: `Created by RegisterImage for ${id}`,
  });
  return { ...wish, snapshotId, sizeGib: wish.sizeGib ?? Math.ceil(contents.rootDiskBytes / GIB) };
}

async function toDevice(tx: Queries, caller: Caller, wish: DeviceWish): Promise<ImageDevice> {
  const { volumeType = DEFAULT_VOLUME_TYPE, snapshotId, deviceName } = wish;
  if (wish.encrypted !== undefined || wish.kmsKeyId !== undefined) {
    throw badMapping(`${deviceName}: its snapshot decides on encryption.`);
  }
  const source = snapshotId && (await getUsable(tx, caller, snapshotId));
  const least = source?.volumeSizeGib;
  const sizeGib = wish.sizeGib ?? least;
  if (sizeGib === undefined) throw badMapping(`${deviceName}: its size is missing.`);
  if (sizeGib < (least ?? 0)) {
    throw badMapping(
      `Volume of size ${sizeGib}GB is smaller than snapshot '${snapshotId}', expect size >= ${least}GB`,
    );
  }
  const { iops, throughputMibps } = wish;
  const shape = chooseShape({ volumeType, iops, throughputMibps, sizeGib });
  return {
    deviceName,
    sizeGib,
    volumeType,
    ...(shape.iops === null ? {} : { iops: shape.iops }),
    ...(shape.throughputMibps === null ? {} : { throughputMibps: shape.throughputMibps }),
    deleteOnTermination: wish.deleteOnTermination ?? true,
    ...(snapshotId === undefined ? {} : { snapshotId }),
    ...(source?.encrypted === 1 ? { encrypted: true } : {}),
  };
}

/** The owner's own, so that nobody else's image keeps a snapshot from being deleted. */
async function getUsable(
  tx: Queries,
  caller: Caller,
  id: NonNullable<DeviceWish['snapshotId']>,
): Promise<SnapshotRow> {
  const snapshot = await getOwnSnapshot(tx, caller, id);
  const isImport = snapshot.source !== null;
  if (isImport || viewSnapshotState(snapshot) === 'completed') return snapshot;
  throw refuse('incorrect-state', 'snapshot', `Snapshot '${id}' is not 'completed'.`);
}
