// Owns putting a finished build into the object store and registering it. The manifest is written last, so an
// image is either whole or not there; a repeated publication writes the same keys again.

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, stat } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { constants, createZstdCompress } from 'node:zlib';
import { makeFile, writeFully } from '@ironbark/platform/files.ts';
import type { ImageManifest, ManifestBlob } from '@ironbark/protocol/internal/image-manifest.ts';
import type { BuiltImage, OnProgress } from './build/built-image.ts';

export interface PublishTarget<ImageId extends string = string> {
  ensureBucket(bucket: string): Promise<void>;
  putFile(bucket: string, key: string, path: string): Promise<void>;
  putJson(bucket: string, key: string, value: unknown): Promise<void>;
  /** RegisterImage; `imageLocation` is `bucket/path/manifest.json`. */
  register(imageLocation: string, name: string, description: string): Promise<ImageId>;
}

export const IMAGE_BUCKET = 'ironbark-images';
/** From here on each level costs twice the time of the one before for less than 2 % of size. */
const ZSTD_LEVEL = 10;

export async function publishImage<ImageId extends string>(
  built: BuiltImage,
  target: PublishTarget<ImageId>,
  onProgress: OnProgress = () => {},
): Promise<ImageId> {
  const { name, description } = built.manifest;
  const prefix = `${name}/${built.buildId}`;
  onProgress({ step: `Compressing ${name}`, fraction: 0 });
  const blobs = await describeBlobs(built, prefix);
  await target.ensureBucket(IMAGE_BUCKET);
  for (const [index, { blob, path }] of Object.values(blobs).entries()) {
    onProgress({ step: `Storing ${blob.key}`, fraction: 0.4 + 0.15 * index });
    await target.putFile(IMAGE_BUCKET, blob.key, path);
  }
  const manifest: ImageManifest = {
    ...built.manifest,
    root: blobs.root.blob,
    ...(blobs.kernel === undefined ? {} : { kernel: blobs.kernel.blob }),
    ...(blobs.initrd === undefined ? {} : { initrd: blobs.initrd.blob }),
  };
  await target.putJson(IMAGE_BUCKET, `${prefix}/manifest.json`, manifest);
  onProgress({ step: `Registering ${name}`, fraction: 0.95 });
  const location = `${IMAGE_BUCKET}/${prefix}/manifest.json`;
  const imageId = await target.register(location, name, description);
  onProgress({ step: `${name} is ${imageId}`, fraction: 1 });
  return imageId;
}

interface StoredFile {
  blob: ManifestBlob;
  path: string;
}

async function describeBlobs(
  built: BuiltImage,
  prefix: string,
): Promise<{ root: StoredFile; kernel?: StoredFile; initrd?: StoredFile }> {
  const { root, kernel, initrd } = built.files;
  const packed = await ensureCompressed(root);
  const unpackedBytes = (await stat(root)).size;
  const rootBlob = await describeFile(packed, `${prefix}/root.raw.zst`);
  return {
    root: { path: packed, blob: { ...rootBlob, encoding: 'zstd', unpackedBytes } },
    ...(kernel === undefined ? {} : { kernel: await storedRaw(kernel, `${prefix}/kernel`) }),
    ...(initrd === undefined ? {} : { initrd: await storedRaw(initrd, `${prefix}/initrd`) }),
  };
}

async function storedRaw(path: string, key: string): Promise<StoredFile> {
  return { path, blob: await describeFile(path, key) };
}

async function describeFile(path: string, key: string): Promise<ManifestBlob> {
  const digest = createHash('sha256');
  await pipeline(createReadStream(path), digest);
  const { size } = await stat(path);
  return {
    key,
    sizeBytes: size,
    sha256: digest.digest('hex'),
    encoding: 'raw',
    unpackedBytes: size,
  };
}

/** The compressed file stays beside the build, so that the next cloud of this host need not make it. */
async function ensureCompressed(path: string): Promise<string> {
  const packed = `${path}.zst`;
  const exists = await stat(packed).then(
    () => true,
    () => false,
  );
  if (!exists) await compress(path, packed);
  return packed;
}

async function compress(path: string, packed: string): Promise<void> {
  const compressor = createZstdCompress({
    pledgedSrcSize: (await stat(path)).size,
    params: {
      [constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL,
      [constants.ZSTD_c_checksumFlag]: 1,
    },
  });
  const fill = (handle: FileHandle) =>
    pipeline(createReadStream(path), compressor, async (chunks: AsyncIterable<Buffer>) => {
      for await (const chunk of chunks) await writeFully(handle, chunk);
    });
  // Two clouds of one host may do this at a time.
  await makeFile(packed, fill, { suffix: `.${process.pid}.new` });
}
