// Owns an image for clouds without real guests: a root disk of zeroes, registered as any image is.

import { createHash } from 'node:crypto';
import { type EC2Client, RegisterImageCommand } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { ImageManifest } from '@ironbark/protocol/internal/image-manifest.ts';

const ROOT_BYTES = 1024 * 1024;

export async function registerTestImage(
  ec2: EC2Client,
  s3: S3Client,
  options: { rootDiskBytes?: number } = {},
): Promise<string> {
  const root = Buffer.alloc(ROOT_BYTES);
  const manifest: ImageManifest = {
    format: 'ironbark-image/1',
    name: 'test',
    description: 'zeroes, for tests without guests',
    architecture: 'x86_64',
    builtAt: '2026-01-01T00:00:00.000Z',
    root: {
      key: 'test/root.raw',
      sizeBytes: ROOT_BYTES,
      sha256: createHash('sha256').update(root).digest('hex'),
      encoding: 'raw',
      unpackedBytes: ROOT_BYTES,
    },
    rootDiskBytes: options.rootDiskBytes ?? ROOT_BYTES,
    rootDeviceName: '/dev/vda',
    minMemoryMib: 128,
    loginUser: 'root',
    packages: {},
  };
  await s3.send(new CreateBucketCommand({ Bucket: 'test-images' }));
  await s3.send(new PutObjectCommand({ Bucket: 'test-images', Key: 'test/root.raw', Body: root }));
  await s3.send(
    new PutObjectCommand({
      Bucket: 'test-images',
      Key: 'test/manifest.json',
      Body: JSON.stringify(manifest),
    }),
  );
  const { ImageId } = await ec2.send(
    new RegisterImageCommand({ Name: 'test', ImageLocation: 'test-images/test/manifest.json' }),
  );
  return ImageId!;
}
