// Owns ListMultipartUploads.

import { type ListedUpload, renderListUploads } from '@ironbark/protocol/s3/list-results.ts';
import { objectOwner } from '../app/acl.ts';
import { listUploads, type UploadPosition } from '../app/listing.ts';
import { fromUploadRow } from '../app/uploads.ts';
import type { UploadTable } from '../store/schema.ts';
import {
  type BucketAction,
  type BucketRequest,
  readEncodingType,
  readLimit,
  xmlResponse,
} from './action.ts';

const MAX_UPLOADS_A_PAGE = 1_000;
/** Above every upload id: a key marker alone means that no upload of that key is wanted. */
const AFTER_EVERY_ID = '~';

export const listMultipartUploads: BucketAction = async (context, request) => {
  const { query } = request;
  const prefix = query.get('prefix') ?? '';
  const delimiter = query.get('delimiter') || undefined;
  const maxUploads = readLimit(request, 'max-uploads', MAX_UPLOADS_A_PAGE);
  const encodingType = readEncodingType(request);
  const from = readFrom(request);
  const input = { bucket: request.bucket, prefix, delimiter, limit: maxUploads, from };
  const { rows, commonPrefixes, next } = await listUploads(context, input);
  return xmlResponse(
    renderListUploads({
      bucket: request.bucketName,
      prefix,
      delimiter,
      keyMarker: query.get('key-marker') ?? '',
      uploadIdMarker: query.get('upload-id-marker') ?? '',
      maxUploads,
      isTruncated: next !== undefined,
      uploads: rows.map((row) => describeUpload(request, row)),
      commonPrefixes,
      next,
      encodingType,
    }),
  );
};

function describeUpload({ bucket }: BucketRequest, row: UploadTable): ListedUpload {
  const { key, id, initiatedAtMs, initiator, intent } = fromUploadRow(row);
  const ownerId = objectOwner(bucket, intent);
  return { key, uploadId: id, initiatedAtMs, ownerId, initiatorId: initiator ?? ownerId };
}

function readFrom(request: BucketRequest): UploadPosition | undefined {
  const key = request.query.get('key-marker') ?? '';
  if (key === '') return undefined;
  return { key, uploadId: request.query.get('upload-id-marker') || AFTER_EVERY_ID };
}
