// Owns an image for clouds without real guests: a root disk of zeroes, registered as any image is.

import { type EC2Client, RegisterImageCommand } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { manifestOf } from '@ironbark/protocol/internal/testing/pretend-image.ts';

const ROOT_BYTES = 1024 * 1024;

export async function registerTestImage(
  ec2: EC2Client,
  s3: S3Client,
  options: { rootDiskBytes?: number } = {},
): Promise<string> {
  const root = Buffer.alloc(ROOT_BYTES);
  const manifest = manifestOf(root, { key: 'test/root.raw', minMemoryMib: 128, ...options });
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
