// Owns objects: putting, finding, copying and deleting the current version of a key.

import { GIB } from '@ironbark/core/units.ts';
import type { ChecksumAlgorithm, DigestSet } from '@ironbark/protocol/s3/checksums.ts';
import { doomUnreferenced } from '../store/blobs.ts';
import { hasBucket } from '../store/buckets.ts';
import {
  deletePointer,
  deleteVersion,
  findCurrent,
  insertCurrent,
  listSegments,
} from '../store/objects.ts';
import type { BucketTable, Tx } from '../store/schema.ts';
import { noSuchBucket } from './access.ts';
import { storeBytes } from './blob-writing.ts';
import type { ByteSource } from './byte-source.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import { noSuchKey } from './not-found.ts';
import {
  fromVersionRow,
  type ObjectHeaders,
  type ObjectVersion,
  toVersionRow,
} from './object-version.ts';
import { requireWriteConditions, type WriteConditions } from './preconditions.ts';

/** S3's limit for one request; larger objects come in parts. */
export const MAX_PUT_BYTES = 5 * GIB;

export interface PutInput {
  bucket: BucketTable;
  key: string;
  headers: ObjectHeaders;
  source: ByteSource;
  conditions: WriteConditions;
}

/** Resolves when the object is on stable storage and current. */
export async function putObject(context: ObjectsContext, input: PutInput): Promise<ObjectVersion> {
  const { bucket, key, source } = input;
  // Looked at again in the transaction; here it saves the sender a body that would be refused.
  requireWriteConditions(input.conditions, await findObject(context, bucket, key), key);
  const algorithms = ['md5', ...(source.checksum === undefined ? [] : [source.checksum])] as const;
  const write = { source, algorithms, maxBytes: MAX_PUT_BYTES };
  return await storeBytes(context, write, async (tx, { blob, digests }) => {
    const version: ObjectVersion = {
      id: newRandomId(context.random),
      key,
      sizeBytes: blob.sizeBytes,
      etag: digests.get('md5').toString('hex'),
      headers: input.headers,
      checksum: fullChecksum(source.checksum, digests),
      uploadId: undefined,
      lastModifiedMs: context.clock.nowMs(),
    };
    const segments = [{ blob_id: blob.id, size_bytes: blob.sizeBytes }];
    await replaceCurrent(context, tx, { bucket, version, segments, conditions: input.conditions });
    return version;
  });
}

function fullChecksum(
  algorithm: ChecksumAlgorithm | undefined,
  digests: DigestSet,
): ObjectVersion['checksum'] {
  if (algorithm === undefined) return undefined;
  return { algorithm, type: 'FULL_OBJECT', value: digests.get(algorithm).toString('base64') };
}

export interface ReplaceInput {
  bucket: BucketTable;
  version: ObjectVersion;
  segments: readonly { blob_id: string; size_bytes: number }[];
  conditions: WriteConditions;
}

/** Makes the version current and dooms what it replaces. The caller's transaction decides. */
export async function replaceCurrent(
  context: ObjectsContext,
  tx: Tx,
  { bucket, version, segments, conditions }: ReplaceInput,
): Promise<void> {
  if (!(await hasBucket(tx, bucket.id))) throw noSuchBucket(bucket.name);
  const before = await findCurrent(tx, bucket.id, version.key);
  const current = before === undefined ? undefined : fromVersionRow(before);
  requireWriteConditions(conditions, current, version.key);
  await insertCurrent(tx, toVersionRow(bucket.id, version), segments);
  if (before !== undefined) await removeVersion(context, tx, before.id);
}

async function removeVersion(context: ObjectsContext, tx: Tx, versionId: string): Promise<void> {
  const blobs = await deleteVersion(tx, versionId);
  // A poke before the commit finds the blob still wanted or waits for the transaction; both are harmless.
  context.wake.unwanted(await doomUnreferenced(tx, blobs));
}

export async function findObject(
  context: ObjectsContext,
  bucket: BucketTable,
  key: string,
): Promise<ObjectVersion | undefined> {
  const row = await findCurrent(context.db.query, bucket.id, key);
  return row === undefined ? undefined : fromVersionRow(row);
}

export async function getObject(
  context: ObjectsContext,
  bucket: BucketTable,
  key: string,
): Promise<ObjectVersion> {
  const version = await findObject(context, bucket, key);
  if (version === undefined) throw noSuchKey(key);
  return version;
}

/** Deleting what does not exist succeeds, unless a condition asks for it. */
export async function deleteObject(
  context: ObjectsContext,
  input: { bucket: BucketTable; key: string; conditions: WriteConditions },
): Promise<void> {
  const { bucket, key, conditions } = input;
  await context.db.transaction(async (tx) => {
    const before = await findCurrent(tx, bucket.id, key);
    const current = before === undefined ? undefined : fromVersionRow(before);
    requireWriteConditions(conditions, current, key);
    if (before === undefined) return;
    await deletePointer(tx, bucket.id, key);
    await removeVersion(context, tx, before.id);
  });
}

export interface CopyInput {
  source: { bucket: BucketTable; key: string };
  target: { bucket: BucketTable; key: string };
  /** Absent: those of the source. */
  headers: ObjectHeaders | undefined;
  /** Looks at the source in the transaction; throws when it must not be copied. */
  check(source: ObjectVersion): void;
  conditions: WriteConditions;
}

/** The copy refers to the same blobs: no byte moves. */
export async function copyObject(
  context: ObjectsContext,
  input: CopyInput,
): Promise<ObjectVersion> {
  return await context.db.transaction(async (tx) => {
    const { source, target } = input;
    const row = await findCurrent(tx, source.bucket.id, source.key);
    if (row === undefined) throw noSuchKey(source.key);
    const original = fromVersionRow(row);
    input.check(original);
    const version: ObjectVersion = {
      ...original,
      id: newRandomId(context.random),
      key: target.key,
      headers: input.headers ?? original.headers,
      uploadId: undefined,
      lastModifiedMs: context.clock.nowMs(),
    };
    const segments = await listSegments(tx, original.id);
    await replaceCurrent(context, tx, {
      bucket: target.bucket,
      version,
      segments: segments.map((s) => ({ blob_id: s.blobId, size_bytes: s.sizeBytes })),
      conditions: input.conditions,
    });
    return version;
  });
}
