// Owns the image of the cloud's workload: a few zeroes, put and registered as any image is.

import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import { manifestOf } from '@ironbark/protocol/internal/testing/pretend-image.ts';
import { type S3Key, sendS3 } from './signed-s3.ts';

const BUCKET = 'crash-images';
const ROOT = Buffer.alloc(64 * 1024);

const MANIFEST = manifestOf(ROOT, { key: 'root.raw', minMemoryMib: 128 });

/** A process before this one may have died on any part of the way. */
export async function ensureImage(ec2: Ec2Client, endpoint: string, key: S3Key): Promise<string> {
  const { Images = [] } = await ec2.call('DescribeImages', { Owners: ['self'] });
  if (Images[0]?.ImageId !== undefined) return Images[0].ImageId;
  const bucket = `${endpoint}/${BUCKET}`;
  await sendS3(key, 'PUT', bucket).catch(ignoreOwned);
  await sendS3(key, 'PUT', `${bucket}/root.raw`, ROOT);
  await sendS3(key, 'PUT', `${bucket}/manifest.json`, Buffer.from(JSON.stringify(MANIFEST)));
  const ImageLocation = `${BUCKET}/manifest.json`;
  const { ImageId } = await ec2.call('RegisterImage', { Name: 'crash', ImageLocation });
  return ImageId!;
}

function ignoreOwned(error: unknown): void {
  if (!String(error).includes('BucketAlreadyOwnedByYou')) throw error;
}
