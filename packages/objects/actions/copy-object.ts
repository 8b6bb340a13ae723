// Owns CopyObject.

import { ServiceError } from '@ironbark/core/errors.ts';
import { renderCopyResult } from '@ironbark/protocol/s3/results.ts';
import type { ObjectVersion } from '../app/object-version.ts';
import { copyObject as copy, MAX_PUT_BYTES } from '../app/objects.ts';
import { requireCopyConditions } from '../app/preconditions.ts';
import { type BucketAction, type BucketRequest, invalidArgument, xmlResponse } from './action.ts';
import { readCopySource } from './copy-source.ts';
import {
  readChecksumAlgorithm,
  readObjectHeaders,
  readReadConditions,
  readWriteConditions,
  refuseNotOffered,
} from './object-headers.ts';

export const copyObject: BucketAction = async (context, request) => {
  refuseNotOffered(request);
  const source = await readCopySource(context, request);
  const replaces = readDirective(request);
  const isSame = source.bucket.id === request.bucket.id && source.key === request.key;
  if (isSame && !replaces) throw copyToItself();
  const algorithm = readChecksumAlgorithm(request);
  const version = await copy(context, {
    source,
    target: { bucket: request.bucket, key: request.key },
    headers: replaces ? readObjectHeaders(request) : undefined,
    check: (original) => {
      requireCopyConditions(readReadConditions(request, 'x-amz-copy-source-'), original);
      requireCopyable(original, algorithm);
    },
    conditions: readWriteConditions(request),
  });
  return xmlResponse(renderCopyResult('CopyObjectResult', version));
};

/** True when the request brings the headers of the copy. */
function readDirective(request: BucketRequest): boolean {
  const directive = request.header('x-amz-metadata-directive') ?? 'COPY';
  if (directive === 'COPY' || directive === 'REPLACE') return directive === 'REPLACE';
  throw invalidArgument('x-amz-metadata-directive', directive, 'Unknown metadata directive.');
}

/** A copy shares the bytes of its source, and with them the checksum that was computed over them. */
function requireCopyable(
  original: ObjectVersion,
  algorithm: NonNullable<ObjectVersion['checksum']>['algorithm'] | undefined,
): void {
  if (original.sizeBytes > MAX_PUT_BYTES) {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'copy-source',
      message:
        'The specified copy source is larger than the maximum allowable size for a copy source; copy it in parts.',
    });
  }
  if (algorithm === undefined || algorithm === original.checksum?.algorithm) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'checksum',
    message: 'A copy with another checksum algorithm than its source has is not implemented.',
  });
}

function copyToItself(): ServiceError {
  return new ServiceError({
    kind: 'operation-not-permitted',
    resource: 'copy-source',
    message:
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's " +
      'metadata, storage class, website redirect location or encryption attributes.',
  });
}
