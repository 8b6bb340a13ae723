// Owns ListParts.

import { renderListParts } from '@ironbark/protocol/s3/list-results.ts';
import { objectOwner } from '../app/acl.ts';
import { abortHeaders } from '../app/lifecycle.ts';
import { getUpload, listParts as list } from '../app/uploads.ts';
import { type BucketAction, readLimit, xmlResponse } from './action.ts';

const MAX_PARTS_A_PAGE = 1_000;
const MAX_MARKER = 2 ** 31 - 1;

export const listParts: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const uploadId = request.query.get('uploadId') ?? '';
  const upload = await getUpload(context, { bucket, key, uploadId });
  const maxParts = readLimit(request, 'max-parts', MAX_PARTS_A_PAGE);
  const after = request.query.has('part-number-marker')
    ? readLimit(request, 'part-number-marker', MAX_MARKER)
    : 0;
  const { parts, isTruncated } = await list(context, { uploadId, after, limit: maxParts });
  return xmlResponse(
    renderListParts({
      bucket: request.bucketName,
      key,
      uploadId,
      partNumberMarker: after,
      nextPartNumberMarker: parts.at(-1)?.part_number,
      maxParts,
      isTruncated,
      parts: parts.map((part) => ({
        partNumber: part.part_number,
        sizeBytes: part.size_bytes,
        etag: part.etag,
        lastModifiedMs: part.last_modified_at,
        checksum: part.checksum_value ?? undefined,
      })),
      algorithm: upload.checksum?.algorithm,
      checksumType: upload.checksum?.type,
      ownerId: objectOwner(bucket, upload.intent),
      initiatorId: upload.initiator ?? objectOwner(bucket, upload.intent),
    }),
    abortHeaders(bucket, upload),
  );
};
