// Owns objects: putting, finding, copying and deleting them.

import { GIB } from '@ironbark/core/units.ts';
import type { ChecksumAlgorithm, Digests } from '@ironbark/protocol/s3/checksums.ts';
import type { BucketTable } from '../store/schema.ts';
import { storeBytes } from './blob-writing.ts';
import type { ByteSource } from './byte-source.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import { type ObjectSeal, sealedEtag } from './encryption.ts';
import type { ObjectIntent, ObjectVersion } from './object-version.ts';
import { fromVersionRow } from './object-version.ts';
import {
  hasWriteConditions,
  requireWriteConditions,
  type WriteConditions,
} from './preconditions.ts';
import { findSelectedRow, getSelected, type VersionName } from './version-lookup.ts';
import { addVersion, type DeleteInput, type Deletion, deleteVersion } from './versions.ts';

/** S3's limit for one request; larger objects come in parts. */
export const MAX_PUT_BYTES = 5 * GIB;

export interface PutInput {
  bucket: BucketTable;
  key: string;
  intent: ObjectIntent;
  source: ByteSource;
  conditions: WriteConditions;
  /** Undefined: the bytes are kept as they are. */
  seal?: ObjectSeal | undefined;
}

/** Resolves when the object is on stable storage and current. */
export async function putObject(context: ObjectsContext, input: PutInput): Promise<ObjectVersion> {
  const { bucket, key, source, seal, intent, conditions } = input;
  // Looked at again in the transaction; here it saves the sender a body that would be refused.
  if (hasWriteConditions(conditions)) {
    requireWriteConditions(conditions, await findObject(context, bucket, key), key);
  }
  const algorithms = ['md5', ...(source.checksum === undefined ? [] : [source.checksum])] as const;
  const write = { source, algorithms, maxBytes: MAX_PUT_BYTES, seal };
  return await storeBytes(context, write, async (tx, { blob, digests, nonce }) => {
    const version = {
      ...intent,
      id: newRandomId(context.random),
      key,
      isDeleteMarker: false,
      sizeBytes: blob.sizeBytes,
      etag: sealedEtag(digests.get('md5').toString('hex'), seal),
      checksum: fullChecksum(source.checksum, digests),
      encryption: seal?.encryption,
      uploadId: undefined,
      lastModifiedMs: context.clock.nowMs(),
    };
    const size_bytes = blob.sizeBytes;
    const segments = [{ blob_id: blob.id, size_bytes, nonce, checksum_value: null }];
    return await addVersion(context, tx, { bucket, version, segments, conditions });
  });
}

function fullChecksum(
  algorithm: ChecksumAlgorithm | undefined,
  digests: Digests,
): ObjectVersion['checksum'] {
  if (algorithm === undefined) return undefined;
  return { algorithm, type: 'FULL_OBJECT', value: digests.get(algorithm).toString('base64') };
}

export async function findObject(
  context: ObjectsContext,
  bucket: BucketTable,
  key: string,
): Promise<ObjectVersion | undefined> {
  const row = await findSelectedRow(context.db.query, { bucket, key });
  return row === undefined ? undefined : fromVersionRow(row);
}

export async function getObject(
  context: ObjectsContext,
  name: VersionName,
): Promise<ObjectVersion> {
  return await getSelected(context.db.query, name);
}

/** Deleting what does not exist succeeds, unless a condition asks for it. */
export async function deleteObject(context: ObjectsContext, input: DeleteInput): Promise<Deletion> {
  return await context.db.transaction((tx) => deleteVersion(context, tx, input));
}
