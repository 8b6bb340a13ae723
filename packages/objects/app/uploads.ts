// Owns multipart uploads: their start, their parts and their end.
//
//   create --> part (any number of times, in any order) --> complete --> the object is current, the upload is gone
//                                                      \--> abort ----> the parts' blobs are doomed

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import {
  type ChecksumAlgorithm,
  type ChecksumType,
  findAlgorithm,
} from '@ironbark/protocol/s3/checksums.ts';
import { doomUnreferenced } from '../store/blobs.ts';
import { findBucketById } from '../store/buckets.ts';
import type { BucketTable, PartTable, UploadTable } from '../store/schema.ts';
import {
  deleteUpload,
  findUpload as findRow,
  insertUpload,
  listParts as listRows,
  replacePart,
} from '../store/uploads.ts';
import { storeBytes } from './blob-writing.ts';
import type { ByteSource } from './byte-source.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import {
  type CustomerKey,
  type ObjectEncryption,
  type ObjectSeal,
  openSeal,
  sealedEtag,
} from './encryption.ts';
import { noSuchBucket, noSuchUpload } from './not-found.ts';
import type { ObjectHeaders, ObjectIntent } from './object-version.ts';
import { PLAIN_INTENT } from './object-version.ts';
import { MAX_PUT_BYTES } from './objects.ts';

export const MAX_PART_NUMBER = 10_000;

/** Names one upload; a wrong key or bucket with a right id is no such upload. */
export interface UploadName {
  bucket: BucketTable;
  key: string;
  uploadId: string;
}

export interface UploadChecksum {
  algorithm: ChecksumAlgorithm;
  type: ChecksumType;
}

export interface Upload {
  id: string;
  key: string;
  intent: ObjectIntent;
  checksum: UploadChecksum | undefined;
  encryption: ObjectEncryption | undefined;
  initiator: AccountId | undefined;
  initiatedAtMs: number;
}

/** As it is kept in JSON. */
type KeptIntent = Omit<ObjectIntent, 'headers'> & Partial<Pick<Upload, 'encryption' | 'initiator'>>;

export async function createUpload(
  context: ObjectsContext,
  input: {
    bucket: BucketTable;
    key: string;
    intent: ObjectIntent;
    checksum: UploadChecksum | undefined;
    seal: ObjectSeal | undefined;
    initiator: AccountId | undefined;
  },
): Promise<string> {
  const { bucket, checksum, seal, initiator } = input;
  const { headers, ...rest } = input.intent;
  const kept: KeptIntent = { ...rest, encryption: seal?.encryption, initiator };
  const row: UploadTable = {
    id: newRandomId(context.random),
    bucket_id: bucket.id,
    object_key: input.key,
    headers: JSON.stringify(headers),
    checksum_algorithm: checksum?.algorithm ?? null,
    checksum_type: checksum?.type ?? null,
    initiated_at: context.clock.nowMs(),
    intent: JSON.stringify(kept),
  };
  await context.db.transaction(async (tx) => {
    if ((await findBucketById(tx, bucket.id)) === undefined) throw noSuchBucket(bucket.name);
    await insertUpload(tx, row);
  });
  return row.id;
}

export async function getUpload(context: ObjectsContext, name: UploadName): Promise<Upload> {
  const { bucket, key, uploadId } = name;
  const row = await findRow(context.db.query, { id: uploadId, bucketId: bucket.id, key });
  if (row === undefined) throw noSuchUpload(uploadId);
  return fromUploadRow(row);
}

export function fromUploadRow(row: UploadTable): Upload {
  const algorithm = findAlgorithm(row.checksum_algorithm ?? '');
  const headers = JSON.parse(row.headers) as ObjectHeaders;
  const kept = row.intent === null ? PLAIN_INTENT : (JSON.parse(row.intent) as KeptIntent);
  const { encryption, initiator, ...intent } = kept as KeptIntent;
  return {
    id: row.id,
    key: row.object_key,
    intent: { ...intent, headers },
    checksum:
      algorithm === undefined ? undefined : { algorithm, type: row.checksum_type as ChecksumType },
    encryption,
    initiator,
    initiatedAtMs: row.initiated_at,
  };
}

export interface StoredPart {
  etag: string;
  sizeBytes: number;
  lastModifiedMs: number;
  /** Of the upload's algorithm, else of the one that the sender named. */
  checksum: { algorithm: ChecksumAlgorithm; value: string } | undefined;
  encryption: ObjectEncryption | undefined;
}

/** Resolves when the part is on stable storage; one of the same number is replaced. */
export async function putPart(
  context: ObjectsContext,
  input: UploadName & {
    partNumber: number;
    source: ByteSource;
    customer?: CustomerKey | undefined;
  },
): Promise<StoredPart> {
  const { bucket, key, uploadId, partNumber, source } = input;
  const upload = await getUpload(context, input);
  const seal = await openSeal(context, bucket, upload.encryption, input.customer);
  const algorithm = upload.checksum?.algorithm ?? source.checksum;
  const algorithms = ['md5', ...(algorithm === undefined ? [] : [algorithm])] as const;
  const write = { source, algorithms, maxBytes: MAX_PUT_BYTES, seal };
  return await storeBytes(context, write, async (tx, { blob, digests, nonce }) => {
    const name = { id: uploadId, bucketId: bucket.id, key };
    if ((await findRow(tx, name)) === undefined) throw noSuchUpload(uploadId);
    const value = algorithm === undefined ? null : digests.get(algorithm).toString('base64');
    const row: PartTable = {
      upload_id: uploadId,
      part_number: partNumber,
      blob_id: blob.id,
      size_bytes: blob.sizeBytes,
      etag: sealedEtag(digests.get('md5').toString('hex'), seal),
      nonce,
      checksum_value: value,
      last_modified_at: context.clock.nowMs(),
    };
    const before = await replacePart(tx, row);
    if (before !== undefined)
      context.wake.unwanted(await doomUnreferenced(tx, [before], context.gateway.id));
    return {
      etag: row.etag,
      sizeBytes: row.size_bytes,
      lastModifiedMs: row.last_modified_at,
      checksum: algorithm === undefined ? undefined : { algorithm, value: value! },
      encryption: seal?.encryption,
    };
  });
}

/** Also when a part is still being written: it finds no upload at its end and is dropped. */
export async function abortUpload(context: ObjectsContext, name: UploadName): Promise<void> {
  await context.db.transaction(async (tx) => {
    const { bucket, key, uploadId } = name;
    const row = await findRow(tx, { id: uploadId, bucketId: bucket.id, key });
    if (row === undefined) throw noSuchUpload(uploadId);
    context.wake.unwanted(
      await doomUnreferenced(tx, await deleteUpload(tx, uploadId), context.gateway.id),
    );
  });
}

export async function listParts(
  context: ObjectsContext,
  input: { uploadId: string; after: number; limit: number },
): Promise<{ parts: readonly PartTable[]; isTruncated: boolean }> {
  const rows = await listRows(context.db.query, { ...input, limit: input.limit + 1 });
  return { parts: rows.slice(0, input.limit), isTruncated: rows.length > input.limit };
}

export function requirePartNumber(text: string): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number >= 1 && number <= MAX_PART_NUMBER) return number;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'part',
    message: `Part number must be an integer between 1 and ${MAX_PART_NUMBER}, inclusive.`,
    details: { ArgumentName: 'partNumber', ArgumentValue: text },
  });
}
