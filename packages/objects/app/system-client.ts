// Owns the way in for the cloud's other services: S3's verbs in memory, as the system account.

import { Readable } from 'node:stream';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import { giveBack } from '@ironbark/platform/blocks.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { ObjectsClient, StoredObject } from '@ironbark/protocol/internal/objects-client.ts';
import { quoteEtag, renderS3Time } from '@ironbark/protocol/s3/list-results.ts';
import { findBucketByName } from '../store/buckets.ts';
import type { BucketTable } from '../store/schema.ts';
import { requireBucket } from './access.ts';
import { insider } from './asker.ts';
import { createBucket } from './buckets.ts';
import { plainSource } from './byte-source.ts';
import type { ObjectsContext } from './context.ts';
import { requireKey } from './keys.ts';
import { listObjects } from './listing.ts';
import { noSuchBucket } from './not-found.ts';
import { openObject, parseRange } from './object-reading.ts';
import { type ObjectVersion, PLAIN_INTENT } from './object-version.ts';
import { deleteObject, getObject, putObject } from './objects.ts';
import { admitLogs, deliverLog } from './service-logs.ts';

const PAGE = 1_000;

export function createSystemClient(context: ObjectsContext, accountId: AccountId): ObjectsClient {
  const principal = rootOf(accountId);
  const open = (operation: string, name: string) =>
    requireBucket(context, insider(principal), { operation, name });
  const openToRead = (name: string, reader: AccountId | undefined) =>
    reader === undefined
      ? findAnyBucket(context, name)
      : requireBucket(context, insider(rootOf(reader)), { operation: 'GetObject', name });
  return {
    ensureBucket: (name) => ensureBucket(context, principal, name),
    putObject: async ({ bucket, key, body, sha256 }) =>
      toStored(await put(context, await open('PutObject', bucket), { key, body, sha256 })),
    getObject: async ({ bucket, key, range, accountId: reader }) =>
      read(context, await openToRead(bucket, reader), key, range),
    headObject: async ({ bucket, key, accountId: reader }) =>
      toStored(await getObject(context, { bucket: await openToRead(bucket, reader), key })),
    deleteObject: async ({ bucket, key }) => {
      const owned = await open('DeleteObject', bucket);
      await deleteObject(context, { bucket: owned, key, conditions: {} });
    },
    listObjects: async ({ bucket, prefix = '', startAfter }) => {
      const from = startAfter === undefined ? undefined : { key: startAfter, inclusive: false };
      const input = {
        bucket: await open('ListObjects', bucket),
        prefix,
        delimiter: undefined,
        limit: PAGE,
        from,
      };
      const { rows, next } = await listObjects(context, input);
      return { objects: rows.map(toStored), isTruncated: next !== undefined };
    },
    admitLogs: (source, principal) => admitLogs(context, source, principal),
    deliverLog: (log) => deliverLog(context, log),
  };
}

function rootOf(accountId: AccountId): Principal {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { accountId, arn, userId: accountId, isRoot: true };
}

async function findAnyBucket(context: ObjectsContext, name: string): Promise<BucketTable> {
  const bucket = await findBucketByName(context.db.query, name);
  if (bucket === undefined) throw noSuchBucket(name);
  return bucket;
}

async function ensureBucket(
  context: ObjectsContext,
  principal: Principal,
  name: string,
): Promise<void> {
  try {
    await createBucket(context, { name, accountId: principal.accountId, location: undefined });
  } catch (error) {
    if (!isServiceError(error, 'duplicate')) throw error;
  }
}

async function put(
  context: ObjectsContext,
  bucket: BucketTable,
  input: { key: string; body: Readable | Uint8Array; sha256: string | undefined },
): Promise<ObjectVersion> {
  const { body, sha256 } = input;
  const chunks = body instanceof Uint8Array ? Readable.from([body]) : body;
  const source = plainSource(chunks, {
    ...(body instanceof Uint8Array ? { lengthBytes: body.length } : {}),
    ...(sha256 === undefined ? {} : { sha256: sha256.toLowerCase() }),
  });
  const key = requireKey(input.key);
  return await putObject(context, { bucket, key, intent: PLAIN_INTENT, source, conditions: {} });
}

async function read(
  context: ObjectsContext,
  bucket: BucketTable,
  key: string,
  asked: { start: number; end: number } | undefined,
): Promise<{ object: StoredObject; body: Readable }> {
  const object = await openObject(context, { bucket, key });
  try {
    const { sizeBytes } = object.version;
    const header = asked === undefined ? undefined : `bytes=${asked.start}-${asked.end}`;
    const range = parseRange(header, sizeBytes) ?? { start: 0, end: sizeBytes - 1 };
    const body = Readable.from(keepable(object.read(range)), { objectMode: false });
    body.once('close', () => object[Symbol.dispose]());
    return { object: toStored(object.version), body };
  } catch (error) {
    object[Symbol.dispose]();
    throw error;
  }
}

/** Whoever reads the stream may keep what it gives. */
async function* keepable(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    const copy = Buffer.from(piece);
    giveBack(piece);
    yield copy;
  }
}

function toStored(version: ObjectVersion): StoredObject {
  return {
    key: version.key,
    sizeBytes: version.sizeBytes,
    etag: quoteEtag(version.etag),
    lastModified: renderS3Time(version.lastModifiedMs),
  };
}
