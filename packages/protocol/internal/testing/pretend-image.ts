// Owns the manifests of images that no real guest boots, for tests and simulations.

import { createHash } from 'node:crypto';
import { GIB } from '@ironbark/core/units.ts';
import type { ImageManifest } from '../image-manifest.ts';
import type { ObjectsClient } from '../objects-client.ts';

/** Of a root disk that nobody reads. */
export const PRETEND_MANIFEST: ImageManifest = {
  format: 'ironbark-image/1',
  name: 'tiny',
  description: 'An image for tests',
  architecture: 'x86_64',
  builtAt: '2026-01-01T00:00:00Z',
  root: {
    key: 'tiny/root',
    sizeBytes: 4,
    sha256: '0'.repeat(64),
    encoding: 'zstd',
    unpackedBytes: 1024,
  },
  rootDiskBytes: GIB,
  rootDeviceName: '/dev/vda',
  minMemoryMib: 64,
  loginUser: 'root',
  packages: {},
};

/** Stores an image with a manifest of that name, and gives the manifest's place. */
export async function putPretendImage(
  objects: Pick<ObjectsClient, 'putObject'>,
  name: string,
  changes: Partial<ImageManifest> = {},
): Promise<string> {
  const manifest = { ...PRETEND_MANIFEST, ...changes };
  const bucket = 'images';
  const place = `${name}/manifest.json`;
  await objects.putObject({ bucket, key: manifest.root.key, body: Buffer.from('root') });
  await objects.putObject({ bucket, key: place, body: Buffer.from(JSON.stringify(manifest)) });
  return `${bucket}/${place}`;
}

/** Of a root disk with these bytes, which are stored as they are. */
export function manifestOf(
  disk: Buffer,
  { key, ...changes }: { key: string } & Partial<ImageManifest>,
): ImageManifest {
  const sha256 = createHash('sha256').update(disk).digest('hex');
  const size = { sizeBytes: disk.length, unpackedBytes: disk.length };
  const root = { key, ...size, sha256, encoding: 'raw' } as const;
  return { ...PRETEND_MANIFEST, root, rootDiskBytes: disk.length, ...changes };
}
