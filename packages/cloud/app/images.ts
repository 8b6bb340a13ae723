// Owns the rules of images: what may be registered, and how an image is found.

import type { AccountId, ImageId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { ImageManifest, ManifestBlob } from '@ironbark/protocol/internal/image-manifest.ts';
import type { ImageBlob, InstanceImage } from '@ironbark/protocol/internal/instance-messages.ts';
import { findImageNamed, insertImage, listImages } from '../store/images.ts';
import type { ImageRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { notFound, refuse } from './refusals.ts';
import { setTags, type Tag } from './tags.ts';

export async function getImage(tx: Queries, accountId: AccountId, id: ImageId): Promise<ImageRow> {
  const image = (await listImages(tx, accountId)).find((one) => one.id === id);
  if (image === undefined) throw notFound('image', 'image id', [id]);
  return image;
}

export interface Registration {
  name: string;
  description: string | undefined;
  location: string;
  bucket: string;
  manifest: ImageManifest;
  tags: Tag[];
}

export async function registerImage(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  registration: Registration,
): Promise<ImageId> {
  const { name, bucket, manifest } = registration;
  const taken = await findImageNamed(tx, accountId, name);
  if (taken !== undefined) {
    throw refuse('duplicate', 'image', `AMI name ${name} is already in use by AMI ${taken.id}`);
  }
  const id = newId(app.random, 'ami');
  await insertImage(tx, {
    id,
    accountId,
    name,
    description: registration.description ?? manifest.description,
    architecture: manifest.architecture,
    location: registration.location,
    contents: JSON.stringify(toInstanceImage(id, bucket, manifest)),
    rootDeviceName: manifest.rootDeviceName,
    rootDiskBytes: manifest.rootDiskBytes,
    minMemoryMib: manifest.minMemoryMib,
    loginUser: manifest.loginUser,
    createdAt: nowMs,
  });
  await setTags(tx, accountId, id, registration.tags);
  return id;
}

function toInstanceImage(id: ImageId, bucket: string, manifest: ImageManifest): InstanceImage {
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
