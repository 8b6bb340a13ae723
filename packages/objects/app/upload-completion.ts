// Owns the completion of a multipart upload: the chosen parts become the object's bytes, in one transaction.

import { createHash } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { type Checksum, combineChecksums } from '@ironbark/protocol/s3/checksums.ts';
import type { CompletedPart } from '@ironbark/protocol/s3/requests.ts';
import { doomUnreferenced } from '../store/blobs.ts';
import { findCurrent } from '../store/objects.ts';
import type { PartTable, Tx } from '../store/schema.ts';
import { deleteUpload, findUpload, listParts } from '../store/uploads.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import { type CustomerKey, openSeal } from './encryption.ts';
import { noSuchUpload } from './not-found.ts';
import { fromVersionRow, type NewVersion, type ObjectVersion } from './object-version.ts';
import type { WriteConditions } from './preconditions.ts';
import { fromUploadRow, MAX_PART_NUMBER, type Upload, type UploadName } from './uploads.ts';
import { addVersion } from './versions.ts';

/** S3's least size of every part but the last. */
const MIN_PART_BYTES = 5 * MIB;

export interface CompleteInput extends UploadName {
  parts: readonly CompletedPart[];
  conditions: WriteConditions;
  /** AWS asks for it once more where the object is written with one and has a checksum. */
  customer: CustomerKey | undefined;
  /** What the sender says of the whole, as far as it does. */
  expected: { sizeBytes: number | undefined; checksum: Omit<Checksum, 'type'> | undefined };
}

/** Completing once more, after an answer that was lost, gives the same answer. */
export async function completeUpload(
  context: ObjectsContext,
  input: CompleteInput,
): Promise<ObjectVersion> {
  const { bucket, key, uploadId } = input;
  requireOrder(input.parts);
  return await context.db.transaction(async (tx) => {
    const row = await findUpload(tx, { id: uploadId, bucketId: bucket.id, key });
    if (row === undefined) return await completedBefore(tx, input);
    const upload = fromUploadRow(row);
    await requireKey(context, input, upload);
    const stored = await listParts(tx, { uploadId, after: 0, limit: MAX_PART_NUMBER });
    const chosen = chooseParts(input.parts, stored, upload);
    const version = describeWhole(context, upload, chosen);
    requireExpected(input.expected, version);
    const { conditions } = input;
    const segments = chosen.map(({ blob_id, size_bytes, nonce, checksum_value }) => ({
      ...{ blob_id, size_bytes, nonce, checksum_value },
    }));
    const added = await addVersion(context, tx, { bucket, version, segments, conditions });
    context.wake.unwanted(
      await doomUnreferenced(tx, await deleteUpload(tx, uploadId), context.gateway.id),
    );
    return added;
  });
}

async function completedBefore(tx: Tx, input: CompleteInput): Promise<ObjectVersion> {
  const current = await findCurrent(tx, input.bucket.id, input.key);
  if (current?.upload_id !== input.uploadId) throw noSuchUpload(input.uploadId);
  return fromVersionRow(current);
}

async function requireKey(
  context: ObjectsContext,
  { bucket, customer }: CompleteInput,
  { encryption, checksum }: Upload,
): Promise<void> {
  const isAskedFor = encryption?.mode === 'customer' && checksum !== undefined;
  if (isAskedFor || customer !== undefined) await openSeal(context, bucket, encryption, customer);
}

function requireOrder(parts: readonly CompletedPart[]): void {
  const isOrdered = parts.every(
    (part, at) => at === 0 || part.partNumber > parts[at - 1]!.partNumber,
  );
  if (isOrdered) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'part-order',
    message:
      'The list of parts was not in ascending order. Parts must be ordered by part number, each once.',
  });
}

function chooseParts(
  asked: readonly CompletedPart[],
  stored: readonly PartTable[],
  upload: Upload,
): PartTable[] {
  const byNumber = new Map(stored.map((part) => [part.part_number, part]));
  const chosen = asked.map((part) => {
    const found = byNumber.get(part.partNumber);
    if (found === undefined || !isSamePart(part, found, upload)) throw invalidPart(part, upload);
    return found;
  });
  const small = chosen.slice(0, -1).find((part) => part.size_bytes < MIN_PART_BYTES);
  if (small !== undefined) throw partTooSmall(small);
  return chosen;
}

function isSamePart(asked: CompletedPart, stored: PartTable, upload: Upload): boolean {
  const algorithm = upload.checksum?.algorithm;
  const checksum = algorithm === undefined ? undefined : asked.checksums[algorithm];
  const isSameChecksum = checksum === undefined || checksum === stored.checksum_value;
  return asked.etag.replaceAll('"', '') === stored.etag && isSameChecksum;
}

function describeWhole(
  context: ObjectsContext,
  upload: Upload,
  parts: readonly PartTable[],
): NewVersion {
  return {
    ...upload.intent,
    id: newRandomId(context.random),
    isDeleteMarker: false,
    encryption: upload.encryption,
    key: upload.key,
    sizeBytes: parts.reduce((sum, part) => sum + part.size_bytes, 0),
    etag: multipartEtag(parts.map((part) => part.etag)),
    checksum: wholeChecksum(upload, parts),
    uploadId: upload.id,
    lastModifiedMs: context.clock.nowMs(),
  };
}

/** The MD5 of the parts' MD5s, and their number. */
export function multipartEtag(etags: readonly string[]): string {
  const hash = createHash('md5');
  for (const etag of etags) hash.update(Buffer.from(etag, 'hex'));
  return `${hash.digest('hex')}-${etags.length}`;
}

function wholeChecksum(upload: Upload, parts: readonly PartTable[]): Checksum | undefined {
  if (upload.checksum === undefined) return undefined;
  const { algorithm, type } = upload.checksum;
  const values = parts.map((part) => ({
    value: part.checksum_value!,
    sizeBytes: part.size_bytes,
  }));
  return combineChecksums(algorithm, type, values);
}

function requireExpected(expected: CompleteInput['expected'], version: NewVersion): void {
  const { sizeBytes, checksum } = expected;
  if (sizeBytes !== undefined && sizeBytes !== version.sizeBytes) {
    throw new ServiceError({
      kind: 'invalid-parameter',
      resource: 'checksum',
      message: 'The size in x-amz-mp-object-size is not that of the parts.',
    });
  }
  if (checksum === undefined || checksum.algorithm !== version.checksum?.algorithm) return;
  // A composite may be given without the number of parts.
  const known = version.checksum.value;
  if (checksum.value === known || checksum.value === known.replace(/-\d+$/, '')) return;
  throw new ServiceError({
    kind: 'digest-mismatch',
    resource: 'checksum',
    message: `The ${checksum.algorithm} you specified did not match the calculated checksum.`,
  });
}

function invalidPart(part: CompletedPart, upload: Upload): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'part',
    message:
      'One or more of the specified parts could not be found. The part may not have been uploaded, or the ' +
      "specified entity tag or checksum may not match the part's.",
    details: { UploadId: upload.id, PartNumber: String(part.partNumber), ETag: part.etag },
  });
}

function partTooSmall(part: PartTable): ServiceError {
  return new ServiceError({
    kind: 'too-small',
    resource: 'part',
    message: 'Your proposed upload is smaller than the minimum allowed size',
    details: {
      ProposedSize: String(part.size_bytes),
      MinSizeAllowed: String(MIN_PART_BYTES),
      PartNumber: String(part.part_number),
      ETag: part.etag,
    },
  });
}
