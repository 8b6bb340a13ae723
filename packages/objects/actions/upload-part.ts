// Owns UploadPart and UploadPartCopy.

import { checksumHeader } from '@ironbark/protocol/s3/checksums.ts';
import { quoteEtag } from '@ironbark/protocol/s3/list-results.ts';
import { renderCopyResult } from '@ironbark/protocol/s3/results.ts';
import { plainSource } from '../app/byte-source.ts';
import { type ByteRange, openObject } from '../app/object-reading.ts';
import { requireCopyConditions } from '../app/preconditions.ts';
import { putPart, requirePartNumber, type UploadName } from '../app/uploads.ts';
import { type BucketAction, type BucketRequest, invalidArgument, xmlResponse } from './action.ts';
import { requireLength } from './body-length.ts';
import { COPY_SOURCE, fromSource, readCopySource } from './copy-source.ts';
import { encryptionHeaders, readCustomerKey, readSourceKey } from './encryption-headers.ts';
import { readReadConditions, refuseNotOffered } from './object-headers.ts';

export const uploadPart: BucketAction = async (context, request) => {
  refuseNotOffered(request);
  const target = readTarget(request);
  if (request.header(COPY_SOURCE) !== undefined) return await copyPart(context, request, target);
  const source = request.openBody({ keepsNoChunk: true });
  requireLength(source);
  const customer = readCustomerKey(request);
  const part = await putPart(context, { ...target, source, customer });
  const { checksum } = part;
  const shown =
    checksum === undefined ? {} : { [checksumHeader(checksum.algorithm)]: checksum.value };
  return {
    status: 200,
    headers: { etag: quoteEtag(part.etag), ...shown, ...encryptionHeaders(part.encryption) },
  };
};

function readTarget(request: BucketRequest): UploadName & { partNumber: number } {
  const { bucket, key, query } = request;
  const partNumber = requirePartNumber(query.get('partNumber') ?? '');
  return { bucket, key, uploadId: query.get('uploadId') ?? '', partNumber };
}

async function copyPart(
  context: Parameters<BucketAction>[0],
  request: BucketRequest,
  target: UploadName & { partNumber: number },
) {
  const from = await readCopySource(context, request);
  const sourceKey = readSourceKey(request);
  using object = await fromSource(() => openObject(context, from, sourceKey));
  requireCopyConditions(readReadConditions(request, 'x-amz-copy-source-'), object.version);
  const range = readCopyRange(request, object.version.sizeBytes);
  const source = plainSource(object.read(range), { lengthBytes: range.end - range.start + 1 });
  const customer = readCustomerKey(request);
  const part = await putPart(context, { ...target, source, customer });
  const { etag, lastModifiedMs } = part;
  const checksum =
    part.checksum === undefined ? undefined : { ...part.checksum, type: 'FULL_OBJECT' as const };
  const isVersioned = from.bucket.versioning !== null;
  return xmlResponse(renderCopyResult('CopyPartResult', { etag, lastModifiedMs, checksum }), {
    ...encryptionHeaders(part.encryption),
    ...(isVersioned ? { 'x-amz-copy-source-version-id': object.version.versionId } : {}),
  });
}

/** Unlike a Range, this has to lie within the object. */
function readCopyRange(request: BucketRequest, sizeBytes: number): ByteRange {
  const text = request.header('x-amz-copy-source-range');
  if (text === undefined) return { start: 0, end: sizeBytes - 1 };
  const match = /^bytes=(\d{1,15})-(\d{1,15})$/.exec(text);
  const [start, end] = [Number(match?.[1]), Number(match?.[2])];
  if (match !== null && start <= end && end < sizeBytes) return { start, end };
  throw invalidArgument(
    'x-amz-copy-source-range',
    text,
    'The x-amz-copy-source-range value must be of the form bytes=first-last where first and last are the ' +
      `zero-based offsets of the first and last bytes to copy, within the source of ${sizeBytes} bytes.`,
  );
}
