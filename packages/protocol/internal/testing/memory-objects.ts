// Owns an ObjectsClient that keeps its objects in memory: the double for tests of services that use Walrus.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { LogSource, ObjectsClient, StoredObject } from '../objects-client.ts';

const PAGE_SIZE = 1_000;

export class MemoryObjects implements ObjectsClient {
  readonly buckets = new Map<string, Map<string, Buffer>>();

  async ensureBucket(bucket: string): Promise<void> {
    if (!this.buckets.has(bucket)) this.buckets.set(bucket, new Map());
  }

  async putObject(input: Parameters<ObjectsClient['putObject']>[0]): Promise<StoredObject> {
    const bytes = await readAll(input.body);
    if (input.sha256 !== undefined && input.sha256 !== hash('sha256', bytes)) {
      throw new ServiceError({
        kind: 'digest-mismatch',
        resource: 'object',
        message: 'The bytes do not have the digest that was given.',
      });
    }
    this.#bucket(input.bucket).set(input.key, bytes);
    return describe(input.key, bytes);
  }

  async getObject(
    input: Parameters<ObjectsClient['getObject']>[0],
  ): Promise<{ object: StoredObject; body: Readable }> {
    const bytes = this.#find(input.bucket, input.key);
    const { start, end } = input.range ?? { start: 0, end: bytes.length - 1 };
    const body = Readable.from([bytes.subarray(start, end + 1)], { objectMode: false });
    return { object: describe(input.key, bytes), body };
  }

  async headObject(input: { bucket: string; key: string }): Promise<StoredObject> {
    return describe(input.key, this.#find(input.bucket, input.key));
  }

  async deleteObject(input: { bucket: string; key: string }): Promise<void> {
    this.#bucket(input.bucket).delete(input.key);
  }

  async listObjects(
    input: Parameters<ObjectsClient['listObjects']>[0],
  ): Promise<{ objects: StoredObject[]; isTruncated: boolean }> {
    const all = [...this.#bucket(input.bucket)]
      .filter(([key]) => key.startsWith(input.prefix ?? '') && key > (input.startAfter ?? ''))
      .sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    const objects = all.slice(0, PAGE_SIZE).map(([key, bytes]) => describe(key, bytes));
    return { objects, isTruncated: all.length > objects.length };
  }

  async admitLogs({ bucket }: LogSource): Promise<void> {
    this.#bucket(bucket);
  }

  async deliverLog({
    bucket,
    key,
    body,
  }: Parameters<ObjectsClient['deliverLog']>[0]): Promise<void> {
    await this.putObject({ bucket, key, body });
  }

  #bucket(name: string): Map<string, Buffer> {
    const bucket = this.buckets.get(name);
    if (bucket !== undefined) return bucket;
    throw new ServiceError({
      kind: 'not-found',
      resource: 'bucket',
      message: `There is no bucket ${name}.`,
    });
  }

  #find(bucket: string, key: string): Buffer {
    const bytes = this.#bucket(bucket).get(key);
    if (bytes !== undefined) return bytes;
    throw new ServiceError({
      kind: 'not-found',
      resource: 'object',
      message: `There is no object ${key}.`,
    });
  }
}

async function readAll(body: Readable | Uint8Array): Promise<Buffer> {
  if (body instanceof Uint8Array) return Buffer.from(body);
  return Buffer.concat(await body.map((part) => Buffer.from(part)).toArray());
}

function describe(key: string, bytes: Buffer): StoredObject {
  return {
    key,
    sizeBytes: bytes.length,
    etag: `"${hash('md5', bytes)}"`,
    lastModified: new Date(0).toISOString(),
  };
}

function hash(algorithm: string, bytes: Uint8Array): string {
  return createHash(algorithm).update(bytes).digest('hex');
}
