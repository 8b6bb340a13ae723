// Owns three small images for the workload of a node's files: data between holes, packed and plain.

import { createHash } from 'node:crypto';
import { zstdCompressSync } from 'node:zlib';
import { MIB } from '@ironbark/core/units.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { MemoryObjects } from '@ironbark/protocol/internal/testing/memory-objects.ts';

export interface TestImage {
  blob: ImageBlob;
  /** In the cache. */
  fileName: string;
  unpackedBytes: number;
  unpackedSha256: string;
  /** Of a root disk that was made from it. */
  rootDiskSha256: string;
}

const BUCKET = 'images';
const IMAGE_BYTES = 2 * MIB;
export const ROOT_DISK_BYTES = 3 * MIB;

function unpacked(number: number): Buffer {
  const bytes = Buffer.alloc(IMAGE_BYTES);
  bytes.fill(`image ${number} `, MIB, MIB + 40_000 * (number + 1));
  return bytes;
}

function stored(number: number): Buffer {
  return number === 0 ? unpacked(number) : zstdCompressSync(unpacked(number));
}

export const TEST_IMAGES: readonly TestImage[] = [0, 1, 2].map((number) => {
  const bytes = unpacked(number);
  const packed = stored(number);
  const encoding = number === 0 ? 'raw' : 'zstd';
  const sha256 = digestOf(packed);
  return {
    blob: {
      ...{ bucket: BUCKET, key: `image-${number}`, sizeBytes: packed.length, sha256 },
      ...{ encoding, unpackedBytes: bytes.length },
    },
    fileName: encoding === 'raw' ? sha256 : `${sha256}.${encoding}`,
    unpackedBytes: bytes.length,
    unpackedSha256: digestOf(bytes),
    rootDiskSha256: digestOf(Buffer.concat([bytes, Buffer.alloc(ROOT_DISK_BYTES - bytes.length)])),
  };
});

export async function storeImages(objects: MemoryObjects): Promise<void> {
  await objects.ensureBucket(BUCKET);
  for (const [number, { blob }] of TEST_IMAGES.entries()) {
    await objects.putObject({ bucket: BUCKET, key: blob.key, body: stored(number) });
  }
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
