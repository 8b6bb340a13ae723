// Owns the double of Walrus: objects in memory.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { LogSource, ObjectsClient, StoredObject } from '../objects-client.ts';

export class ObjectsDouble implements ObjectsClient {
  readonly #objects = new Map<string, { object: StoredObject; bytes: Buffer }>();

  async ensureBucket(): Promise<void> {}

  async putObject(input: Parameters<ObjectsClient['putObject']>[0]): Promise<StoredObject> {
    const bytes =
      input.body instanceof Uint8Array ? Buffer.from(input.body) : await buffer(input.body);
    const etag = `"${createHash('md5').update(bytes).digest('hex')}"`;
    const lastModified = '2026-01-01T00:00:00.000Z';
    const object = { key: input.key, sizeBytes: bytes.length, etag, lastModified };
    this.#objects.set(`${input.bucket}/${input.key}`, { object, bytes });
    return object;
  }

  async getObject(
    input: Parameters<ObjectsClient['getObject']>[0],
  ): ReturnType<ObjectsClient['getObject']> {
    const { object, bytes } = this.#get(input);
    const { start = 0, end = bytes.length - 1 } = input.range ?? {};
    return { object, body: Readable.from([bytes.subarray(start, end + 1)]) };
  }

  async headObject(input: { bucket: string; key: string }): Promise<StoredObject> {
    return this.#get(input).object;
  }

  async deleteObject(input: { bucket: string; key: string }): Promise<void> {
    this.#objects.delete(`${input.bucket}/${input.key}`);
  }

  async listObjects(
    input: Parameters<ObjectsClient['listObjects']>[0],
  ): ReturnType<ObjectsClient['listObjects']> {
    const start = `${input.bucket}/${input.prefix ?? ''}`;
    const found = [...this.#objects].filter(([name]) => name.startsWith(start));
    const objects = found.map(([, { object }]) => object);
    return { objects: objects.sort((a, b) => (a.key < b.key ? -1 : 1)), isTruncated: false };
  }

  /** Why a bucket takes no logs; absent: it does. */
  refuseLogs: ((bucket: string) => void) | undefined;

  async admitLogs({ bucket }: LogSource): Promise<void> {
    this.refuseLogs?.(bucket);
  }

  async deliverLog({
    bucket,
    key,
    body,
  }: Parameters<ObjectsClient['deliverLog']>[0]): Promise<void> {
    this.refuseLogs?.(bucket);
    await this.putObject({ bucket, key, body });
  }

  #get({ bucket, key }: { bucket: string; key: string }) {
    const found = this.#objects.get(`${bucket}/${key}`);
    if (found !== undefined) return found;
    throw new ServiceError({
      kind: 'not-found',
      resource: 'object',
      message: 'The specified key does not exist.',
    });
  }
}
