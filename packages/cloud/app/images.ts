// Owns the rules of images: what may be registered, how an image is found, and what goes with it.

import type { AccountId, ImageId, SnapshotId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { ImageManifest, ManifestBlob } from '@ironbark/protocol/internal/image-manifest.ts';
import type { ImageBlob, InstanceImage } from '@ironbark/protocol/internal/instance-messages.ts';
import type { Insertable } from 'kysely';
import { removeImageGrantees } from '../store/image-permissions.ts';
import type { ImageDevice, ImageRow, ImageTable, SriovNetSupport } from '../store/image-schema.ts';
import {
  deleteImage,
  findImage,
  findImageNamed,
  insertGoneImage,
  insertImage,
  listImages,
} from '../store/images.ts';
import { findInstance } from '../store/instances.ts';
import { findSnapshots } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import { parseDevices } from './block-devices.ts';
import type { Caller, Change } from './change.ts';
import { noImage } from './gone-images.ts';
import { getLaunchable, mayLaunch } from './image-access.ts';
import { requireUnprotected } from './image-protection.ts';
import { viewImage } from './image-view.ts';
import { NO_REASON, setPower } from './instances.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { refuse } from './refusals.ts';
import { setTags, type Tag } from './tags.ts';

/** One of the account's own. Of those that are shared with it EC2 says that it is not its to change. */
export async function getImage(tx: Queries, accountId: AccountId, id: ImageId): Promise<ImageRow> {
  const image = await findImage(tx, id);
  if (image?.accountId === accountId) return image;
  if (image !== undefined && (await mayLaunch(tx, image, accountId))) {
    throw refuse('not-authorized', 'image', `Not authorized for image:${id}`);
  }
  throw await noImage(tx, accountId, [id]);
}

/** One that can be launched now. */
export async function getAvailableImage(
  tx: Queries,
  accountId: AccountId,
  id: ImageId,
): Promise<ImageRow> {
  const image = await getLaunchable(tx, accountId, id);
  const ids = parseDevices(image).flatMap(({ snapshotId }) => snapshotId ?? []);
  const snapshots = await findSnapshots(tx, image.accountId, ids);
  const { state } = viewImage(image, new Map(snapshots.map((row) => [row.id, row])));
  if (state === 'available') return image;
  throw refuse('incorrect-state', 'image', `The image id '${id}' is '${state}', not 'available'.`);
}

export interface NewImage {
  name: string;
  description: string;
  tags: readonly Tag[];
  columns: Omit<
    Insertable<ImageTable>,
    'id' | 'accountId' | 'name' | 'description' | 'architecture' | 'createdAt'
  >;
}

/** `id` is chosen before, by those who name it in what they make with it. */
export async function addImage(
  { accountId }: Caller,
  { tx, nowMs }: Change,
  id: ImageId,
  { name, description, tags, columns }: NewImage,
): Promise<ImageId> {
  const taken = await findImageNamed(tx, accountId, name);
  if (taken !== undefined) {
    throw refuse('duplicate', 'image', `AMI name ${name} is already in use by AMI ${taken.id}`);
  }
  await requireWithin(tx, accountId, QUOTAS.images);
  const own = { id, accountId, name, description, architecture: 'x86_64', createdAt: nowMs };
  await insertImage(tx, { ...columns, ...own });
  await setTags(tx, accountId, id, tags);
  return id;
}

export interface Registration {
  name: string;
  description: string | undefined;
  location: string;
  bucket: string;
  manifest: ImageManifest;
  tags: Tag[];
  sriovNetSupport: SriovNetSupport | null;
}

export async function registerImage(
  app: App,
  caller: Caller,
  change: Change,
  registration: Registration,
): Promise<ImageId> {
  const { name, bucket, manifest, tags } = registration;
  const id = newId(app.random, 'ami');
  const contents = toInstanceImage(id, bucket, manifest);
  return addImage(caller, change, id, {
    name,
    description: registration.description ?? manifest.description,
    tags,
    columns: {
      location: registration.location,
      contents: JSON.stringify(contents),
      rootDeviceName: manifest.rootDeviceName,
      rootDiskBytes: manifest.rootDiskBytes,
      minMemoryMib: manifest.minMemoryMib,
      loginUser: manifest.loginUser,
      sriovNetSupport: registration.sriovNetSupport,
    },
  });
}

export interface EbsBacked {
  rootDeviceName: string;
  devices: readonly ImageDevice[];
  /** Kernel and initial ram disk, of an image that firmware does not boot. */
  boot: Omit<InstanceImage, 'id' | 'root'>;
  minMemoryMib: number;
  loginUser: string;
}

/** The columns that make an image's root disks volumes. */
export function ebsColumns(
  { accountId }: Caller,
  { id, name }: { id: ImageId; name: string },
  { rootDeviceName, devices, boot, minMemoryMib, loginUser }: EbsBacked,
): NewImage['columns'] {
  const root = devices.find(({ deviceName }) => deviceName === rootDeviceName);
  const contents: InstanceImage = { ...boot, id };
  return {
    location: `${accountId}/${name}`,
    contents: JSON.stringify(contents),
    rootDeviceType: 'ebs',
    rootDeviceName,
    rootDiskBytes: (root?.sizeGib ?? 0) * GIB,
    devices: JSON.stringify(devices),
    minMemoryMib,
    loginUser,
  };
}

export function toInstanceImage(
  id: ImageId,
  bucket: string,
  manifest: ImageManifest,
): InstanceImage & { root: ImageBlob } {
  const blob = (part: ManifestBlob): ImageBlob => ({ bucket, ...part });
  return {
    id,
    root: blob(manifest.root),
    ...(manifest.kernel === undefined ? {} : { kernel: blob(manifest.kernel) }),
    ...(manifest.initrd === undefined ? {} : { initrd: blob(manifest.initrd) }),
    ...(manifest.kernelParameters === undefined
      ? {}
      : { kernelParameters: manifest.kernelParameters }),
  };
}

/** Its snapshots stay, and so do its instances; one that is down for it comes up again. */
export async function removeImage(
  { accountId }: Caller,
  change: Change,
  id: ImageId,
): Promise<ImageRow> {
  const image = await getImage(change.tx, accountId, id);
  requireUnprotected(image, change.nowMs);
  await restartInstance(change, image);
  await deleteImage(change.tx, id);
  await insertGoneImage(change.tx, { id, accountId, goneAt: change.nowMs });
  await removeImageGrantees(change.tx, id);
  await deleteTags(change.tx, id);
  return image;
}

/** Unless its user has ended it or started it meanwhile, or wants it stopped. */
export async function restartInstance(
  change: Change,
  image: Pick<ImageRow, 'restartsInstance' | 'sourceInstanceId'>,
): Promise<void> {
  const { restartsInstance, sourceInstanceId } = image;
  if (restartsInstance !== 1 || sourceInstanceId === null) return;
  const instance = await findInstance(change.tx, sourceInstanceId);
  if (instance?.desiredPower !== 'stopped') return;
  await setPower(change, instance, 'running', NO_REASON);
}

/** The first image of the account that has a volume of this snapshot. */
export async function findImageOf(
  tx: Queries,
  accountId: AccountId,
  id: SnapshotId,
): Promise<ImageRow | undefined> {
  const images = await listImages(tx, accountId);
  return images.find((image) => parseDevices(image).some(({ snapshotId }) => snapshotId === id));
}
