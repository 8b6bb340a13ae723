// Owns ListMultipartUploads.

import { renderListUploads } from '@ironbark/protocol/s3/list-results.ts';
import { listUploads, type UploadPosition } from '../app/listing.ts';
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
      uploads: rows.map((row) => ({
        key: row.object_key,
        uploadId: row.id,
        initiatedAtMs: row.initiated_at,
      })),
      commonPrefixes,
      next,
      encodingType,
      ownerId: request.bucket.account_id,
    }),
  );
};

function readFrom(request: BucketRequest): UploadPosition | undefined {
  const key = request.query.get('key-marker') ?? '';
  if (key === '') return undefined;
  return { key, uploadId: request.query.get('upload-id-marker') || AFTER_EVERY_ID };
}
