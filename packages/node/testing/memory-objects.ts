// Owns an object store in memory that serves images to tests, and can be told to misbehave.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { zstdCompressSync } from 'node:zlib';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { ImageBlob } from '@ironbark/protocol/internal/instance-messages.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';

export interface MemoryObjects extends Pick<ObjectsClient, 'getObject'> {
  readonly client: ObjectsClient;
  /** How often objects were fetched. */
  fetches: number;
  /** Keeps the bytes and describes them as an image's blob. */
  add(bytes: Buffer, encoding?: 'raw' | 'zstd'): ImageBlob;
  /** Replaces the stored bytes behind a blob's back. */
  replace(blob: ImageBlob, bytes: Buffer): void;
}

const CHUNK_BYTES = 64 * 1024;

export function createMemoryObjects(): MemoryObjects {
  const objects = new Map<string, Buffer>();
  const unused = () => Promise.reject(new Error('this store only serves objects'));
  const store: MemoryObjects = {
    fetches: 0,
    add: (bytes, encoding = 'raw') => {
      const stored = encoding === 'zstd' ? zstdCompressSync(bytes) : bytes;
      const key = `blob-${objects.size}`;
      objects.set(key, stored);
      const sha256 = createHash('sha256').update(stored).digest('hex');
      const sizes = { sizeBytes: stored.length, unpackedBytes: bytes.length };
      return { bucket: 'images', key, sha256, encoding, ...sizes };
    },
    replace: (blob, bytes) => void objects.set(blob.key, bytes),
    getObject: async ({ key }) => {
      store.fetches += 1;
      const bytes = objects.get(key);
      if (bytes === undefined) {
        throw new ServiceError({ kind: 'not-found', resource: 'object', message: 'no such key' });
      }
      const object = { key, sizeBytes: bytes.length, etag: '""', lastModified: '' };
      return { object, body: Readable.from(chunksOf(bytes)) };
    },
    get client(): ObjectsClient {
      return {
        ensureBucket: unused,
        putObject: unused,
        headObject: unused,
        deleteObject: unused,
        listObjects: unused,
        admitLogs: unused,
        deliverLog: unused,
        getObject: (input) => store.getObject(input),
      };
    },
  };
  return store;
}

function* chunksOf(bytes: Buffer): Generator<Buffer> {
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) yield bytes.subarray(at, at + CHUNK_BYTES);
}
