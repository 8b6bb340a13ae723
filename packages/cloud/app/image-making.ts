// Owns the making of an image of an instance: which volumes it gets, when their snapshots are taken, and what the
// instance does meanwhile.

import type { ImageId, InstanceId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { InstanceImage } from '@ironbark/protocol/internal/instance-messages.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import type { ImageDevice, ImageRow } from '../store/image-schema.ts';
import { findImage, updateImage } from '../store/images.ts';
import type { AttachmentRow, InstanceRow, VolumeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { findVolumes } from '../store/volumes.ts';
import type { App } from './app.ts';
import { badMapping, type DeviceWish, parseDevices } from './block-devices.ts';
import type { Caller, Change } from './change.ts';
import { addImage, ebsColumns } from './images.ts';
import { viewState } from './instance-view.ts';
import { getInstance, requireRootVolume, setPower, userInitiated } from './instances.ts';
import { refuse } from './refusals.ts';
import { takeSnapshots } from './snapshots.ts';
import { setTags, type Tag } from './tags.ts';

export interface ImageWish {
  instanceId: InstanceId;
  name: string;
  description: string;
  /** Takes the volumes as they are under the running guest. */
  noReboot: boolean;
  wishes: readonly DeviceWish[];
  imageTags: readonly Tag[];
  snapshotTags: readonly Tag[];
}

export async function createImage(
  app: App,
  caller: Caller,
  change: Change,
  wish: ImageWish,
): Promise<ImageId> {
  const { tx } = change;
  const instance = await getInstance(tx, caller, wish.instanceId);
  await requireRootVolume(tx, instance);
  const state = viewState(instance);
  if (state !== 'running' && state !== 'stopped') throw notNow(instance.id, state);
  const devices = await planDevices(tx, instance, wish.wishes);
  const id = newId(app.random, 'ami');
  const goesDown = state === 'running' && !wish.noReboot;
  await addImage(caller, change, id, {
    name: wish.name,
    description: wish.description,
    tags: wish.imageTags,
    columns: {
      ...ebsColumns(caller, { id, name: wish.name }, await backingOf(tx, instance, devices)),
      sourceInstanceId: instance.id,
      stage: 'stopping',
      restartsInstance: goesDown ? 1 : 0,
      snapshotTags: JSON.stringify(wish.snapshotTags),
    },
  });
  if (goesDown) await setPower(change, instance, 'stopped', userInitiated(change.nowMs));
  else await takeImageSnapshots(app, change, (await findImage(tx, id))!);
  change.touched.images.add(id);
  return id;
}

function notNow(id: InstanceId, state: string): Error {
  return refuse(
    'incorrect-state',
    'instance',
    `The instance '${id}' is '${state}'; an image can be made while it is 'running' or 'stopped'.`,
  );
}

/** What an instance of the image boots with is what this one does. */
async function backingOf(tx: Queries, instance: InstanceRow, devices: readonly ImageDevice[]) {
  const { id: _id, root: _root, ...boot } = JSON.parse(instance.image) as InstanceImage;
  const source = await findImage(tx, instance.imageId);
  return {
    rootDeviceName: instance.rootDeviceName,
    devices,
    boot,
    minMemoryMib: source?.minMemoryMib ?? 1,
    loginUser: source?.loginUser ?? 'root',
  };
}

async function planDevices(
  tx: Queries,
  instance: InstanceRow,
  wishes: readonly DeviceWish[],
): Promise<ImageDevice[]> {
  const attachments = await listAttachmentsOf(tx, instance.id);
  const ids = attachments.map(({ volumeId }) => volumeId);
  const volumes = await findVolumes(tx, instance.accountId, ids);
  const byName = new Map(wishes.map((wish) => [wish.deviceName, wish]));
  const known = new Set(attachments.map(({ deviceName }) => deviceName));
  const strange = wishes.find(({ deviceName }) => !known.has(deviceName));
  if (strange !== undefined) {
    throw badMapping(`${strange.deviceName}: no volume of '${instance.id}' is attached there.`);
  }
  return attachments.flatMap((attachment) => {
    const wish = byName.get(attachment.deviceName);
    if (wish !== undefined) checkWish(instance, wish);
    const volume = volumes.find(({ id }) => id === attachment.volumeId)!;
    return wish?.isLeftOut === true ? [] : [toDevice(attachment, volume, wish)];
  });
}

/** "The only option that can be changed for existing mappings is DeleteOnTermination": API reference of CreateImage. */
function checkWish(instance: InstanceRow, wish: DeviceWish): void {
  const { deviceName, isLeftOut, deleteOnTermination: _changeable, ...rest } = wish;
  if (isLeftOut && deviceName === instance.rootDeviceName) {
    throw badMapping(`${deviceName} is the root device: no image is without it.`);
  }
  const isChanged = Object.values(rest).some((value) => value !== undefined);
  if (!isChanged) return;
  throw badMapping(
    `${deviceName}: of a volume that the instance has, only DeleteOnTermination can be changed.`,
  );
}

function toDevice(
  attachment: AttachmentRow,
  { id, sizeGib, volumeType, iops, throughputMibps, encrypted }: VolumeRow,
  wish: DeviceWish | undefined,
): ImageDevice {
  return {
    deviceName: attachment.deviceName,
    sizeGib,
    volumeType,
    ...(iops === null ? {} : { iops }),
    ...(throughputMibps === null ? {} : { throughputMibps }),
    deleteOnTermination: wish?.deleteOnTermination ?? attachment.deleteOnTermination === 1,
    volumeId: id,
    ...(encrypted === 1 ? { encrypted: true } : {}),
  };
}

/** All of one moment; a volume that was detached since is no volume of the instance any more. */
export async function takeImageSnapshots(app: App, change: Change, image: ImageRow): Promise<void> {
  const { tx, touched } = change;
  const instanceId = image.sourceInstanceId!;
  const caller: Caller = { accountId: image.accountId, dryRun: false };
  const attached = (await listAttachmentsOf(tx, instanceId)).map(({ volumeId }) => volumeId);
  const devices = parseDevices(image);
  const wanted = new Set(devices.map(({ volumeId }) => volumeId));
  const exclude = attached.filter((id) => !wanted.has(id));
  const description = `Created by CreateImage(${instanceId}) for ${image.id}`;
  const rows = await takeSnapshots(app, caller, change, { instanceId, description, exclude });
  const tags = JSON.parse(image.snapshotTags ?? '[]') as Tag[];
  for (const { id } of rows) await setTags(tx, caller.accountId, id, tags);
  const snapshots = new Map(rows.map((row) => [row.volumeId, row.id]));
  const taken = devices.map(({ volumeId, ...device }) => {
    const snapshotId = snapshots.get(volumeId!);
    if (snapshotId !== undefined) return { ...device, snapshotId };
    throw refuse('incorrect-state', 'volume', `Volume '${volumeId}' was detached meanwhile.`);
  });
  await updateImage(tx, image.id, {
    devices: JSON.stringify(taken),
    stage: image.restartsInstance === 1 ? 'restarting' : 'made',
    snapshotTags: null,
  });
  touched.images.add(image.id);
}
