// Owns RegisterImage: an image is what its manifest in the object store says.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { ImageManifest, ManifestBlob } from '@ironbark/protocol/internal/image-manifest.ts';
import type { App } from '../app/app.ts';
import { changeFor } from '../app/change.ts';
import { MAX_MANIFEST_BYTES, parseImageManifest } from '../app/image-manifest.ts';
import { registerImage as register } from '../app/images.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  refuse,
  refuseParameters,
} from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { Ec2Handler } from './handler.ts';

const NOT_OFFERED = [
  'BlockDeviceMappings',
  'BillingProducts',
  'KernelId',
  'RamdiskId',
  'TpmSupport',
  'UefiData',
  'SriovNetSupport',
];

export const registerImage: Ec2Handler<'RegisterImage'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED, 'Everything about the image is in its manifest.');
  checkName(input.Name);
  const { image: tags } = parseTagSpecifications(input.TagSpecifications, ['image']);
  const location = input.ImageLocation ?? '';
  const { bucket, key } = parseLocation(location);
  // The caller chose the names, so the caller's rights count.
  const place: BlobPlace = { bucket, accountId: context.accountId };
  const manifest = await readManifest(app, place, key);
  if (input.Architecture !== undefined && input.Architecture !== manifest.architecture) {
    throw invalidCombination(
      `Architecture ${input.Architecture} was asked for; the manifest says ${manifest.architecture}.`,
    );
  }
  const { RootDeviceName } = input;
  if (RootDeviceName !== undefined && RootDeviceName !== manifest.rootDeviceName) {
    throw invalidCombination(`The manifest's root device is ${manifest.rootDeviceName}.`);
  }
  await checkBlobs(app, place, manifest);
  const registration = {
    name: input.Name,
    description: input.Description,
    location,
    bucket,
    manifest,
    tags,
  };
  const ImageId = await changeFor(app, context, (change) =>
    register(app, context, change, registration),
  );
  return { ImageId };
};

/** EC2's rule for names of images. */
function checkName(name: string): void {
  if (/^[\w(). /@'[\]-]{3,128}$/.test(name)) return;
  throw refuse(
    'invalid-parameter',
    'image',
    `AMI names have 3 to 128 letters, digits and ( ) . - / ' @ _ [ ] or spaces.`,
  );
}

function parseLocation(location: string): { bucket: string; key: string } {
  if (location === '') throw missingParameter('ImageLocation');
  const slash = location.indexOf('/');
  const bucket = location.slice(0, slash);
  const key = location.slice(slash + 1);
  const isGood = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) && key !== '';
  if (slash > 0 && isGood && key.length <= 1024) return { bucket, key };
  throw invalidValue(
    'ImageLocation',
    location.slice(0, 200),
    "Expected 'bucket/path/manifest.json'.",
  );
}

/** Where an image's objects lie, and who says so. */
interface BlobPlace {
  bucket: string;
  accountId: AccountId;
}

async function readManifest(app: App, place: BlobPlace, key: string): Promise<ImageManifest> {
  const { sizeBytes } = await requireObject(app, place, key);
  if (sizeBytes > MAX_MANIFEST_BYTES) {
    throw refuse('too-large', 'image', `A manifest has at most ${MAX_MANIFEST_BYTES} bytes.`);
  }
  const { body } = await app.objects.getObject({ ...place, key });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_MANIFEST_BYTES) break;
    chunks.push(chunk);
  }
  return parseImageManifest(Buffer.concat(chunks));
}

/** A launch that finds a blob missing would fail late and far away. */
async function checkBlobs(app: App, place: BlobPlace, manifest: ImageManifest): Promise<void> {
  const blobs = [manifest.root, manifest.kernel, manifest.initrd].filter(
    (blob): blob is ManifestBlob => blob !== undefined,
  );
  for (const blob of blobs) {
    const { sizeBytes } = await requireObject(app, place, blob.key);
    if (sizeBytes === blob.sizeBytes) continue;
    throw invalidCombination(
      `${place.bucket}/${blob.key} has ${sizeBytes} bytes; its manifest says ${blob.sizeBytes}.`,
    );
  }
}

async function requireObject(
  app: App,
  place: BlobPlace,
  key: string,
): Promise<{ sizeBytes: number }> {
  try {
    return await app.objects.headObject({ ...place, key });
  } catch (error) {
    if (!isServiceError(error, 'not-found')) throw error;
    throw invalidValue('ImageLocation', `${place.bucket}/${key}`, 'There is no such object.');
  }
}
