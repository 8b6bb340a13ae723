// Owns reading what a snapshot has in the object store: its manifest, and chunks that are checked.

import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import { readBody, unpackChunk } from './chunk-codec.ts';
import {
  chunkKey,
  damaged,
  MAX_MANIFEST_BYTES,
  type ManifestChunk,
  manifestKey,
  parseManifest,
  SNAPSHOT_BUCKET,
  type SnapshotManifest,
} from './snapshot-manifest.ts';

export async function fetchManifest(
  objects: ObjectsClient,
  id: SnapshotId,
): Promise<SnapshotManifest> {
  const key = manifestKey(id);
  const { body } = await objects
    .getObject({ bucket: SNAPSHOT_BUCKET, key })
    .catch((error: unknown) => {
      if (!isServiceError(error, 'not-found')) throw error;
      throw new ServiceError({
        kind: 'not-found',
        resource: 'snapshot',
        message: `The snapshot ${id} is not in the object store.`,
        cause: error,
      });
    });
  const bytes = await readBody(body, MAX_MANIFEST_BYTES);
  if (bytes === undefined) throw damaged(id, 'its manifest is too long');
  return parseManifest(bytes, id);
}

export async function fetchChunk(
  objects: ObjectsClient,
  manifest: SnapshotManifest,
  chunk: ManifestChunk,
): Promise<{ offset: number; bytes: Buffer }> {
  const { snapshotId, chunkBytes, volumeSizeBytes } = manifest;
  const offset = chunk.index * chunkBytes;
  const length = Math.min(chunkBytes, volumeSizeBytes - offset);
  const place = { bucket: SNAPSHOT_BUCKET, key: chunkKey(snapshotId, chunk.index) };
  const { body } = await objects.getObject(place);
  const packed = await readBody(body, length);
  const expected = { encoding: chunk.encoding, sha256: chunk.sha256, length };
  const bytes = packed === undefined ? undefined : await unpackChunk(packed, expected);
  if (bytes === undefined) throw damaged(snapshotId, `chunk ${chunk.index} is not what was stored`);
  return { offset, bytes };
}
