// Owns RegisterImage: an image is what its manifest in the object store says, or a snapshot, or both.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { ImageManifest, ManifestBlob } from '@ironbark/protocol/internal/image-manifest.ts';
import type { App } from '../app/app.ts';
import { changeFor } from '../app/change.ts';
import { registerEbsImage } from '../app/ebs-images.ts';
import { MAX_MANIFEST_BYTES, parseImageManifest } from '../app/image-manifest.ts';
import { registerImage as register } from '../app/images.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notOffered,
  refuse,
  refuseParameters,
} from '../app/refusals.ts';
import { parseTagSpecifications } from '../app/tags.ts';
import type { SriovNetSupport } from '../store/image-schema.ts';
import type { RequestContext } from './action.ts';
import { parseMappings } from './block-device-mappings.ts';
import type { Ec2Handler } from './handler.ts';

type Input = Ec2Input<'RegisterImage'>;

const NOT_OFFERED = [
  'BillingProducts',
  'KernelId',
  'RamdiskId',
  'TpmSupport',
  'UefiData',
  'ImdsSupport',
];

export const registerImage: Ec2Handler<'RegisterImage'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  refuseSettings(input);
  checkImageName(input.Name);
  const { image: tags } = parseTagSpecifications(input.TagSpecifications, ['image']);
  const isEbsBacked = (input.BlockDeviceMappings ?? []).length > 0;
  const manifest =
    isEbsBacked && (input.ImageLocation ?? '') === ''
      ? undefined
      : await readLocation(app, context, input);
  const { Name: name, Description: description } = input;
  const sriovNetSupport = readSriovNetSupport(input.SriovNetSupport);
  const ImageId = await changeFor(app, context, (change) => {
    if (manifest !== undefined && !isEbsBacked) {
      const { location, bucket, contents } = manifest;
      const registration = { name, description, location, bucket, manifest: contents, tags };
      return register(app, context, change, { ...registration, sriovNetSupport });
    }
    return registerEbsImage(app, context, change, {
      name,
      description,
      tags,
      sriovNetSupport,
      rootDeviceName: manifest?.contents.rootDeviceName ?? input.RootDeviceName ?? DEFAULT_ROOT,
      wishes: parseMappings(input.BlockDeviceMappings),
      manifest,
    });
  });
  return { ImageId };
};

/** EC2's. */
const DEFAULT_ROOT = '/dev/sda1';

/** Settings of which one value is what every image here has. */
function refuseSettings({ BootMode, VirtualizationType }: Input): void {
  if (BootMode === 'uefi') throw notOffered("The boot mode 'uefi'", "It is 'legacy-bios'.");
  if (VirtualizationType === 'paravirtual') throw notOffered('Paravirtualization', "It is 'hvm'.");
}

function readSriovNetSupport(text: string | undefined): SriovNetSupport | null {
  if (text === undefined || text === 'simple') return text ?? null;
  throw invalidValue('SriovNetSupport', text.slice(0, 64), "It is 'simple'.");
}

/** What the manifest says, which is what the request says too as far as it says it. */
async function readLocation(
  app: App,
  context: RequestContext,
  input: Input,
): Promise<{ location: string; bucket: string; contents: ImageManifest }> {
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
  return { location, bucket, contents: manifest };
}

/** EC2's rule for names of images. */
export function checkImageName(name: string): void {
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
