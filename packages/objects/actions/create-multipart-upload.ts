// Owns CreateMultipartUpload.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  allowsChecksumType,
  type ChecksumType,
  defaultChecksumType,
} from '@ironbark/protocol/s3/checksums.ts';
import { renderInitiateUpload } from '@ironbark/protocol/s3/results.ts';
import { makeSeal } from '../app/encryption.ts';
import { abortHeaders } from '../app/lifecycle.ts';
import { createUpload, type UploadChecksum } from '../app/uploads.ts';
import { type BucketAction, type BucketRequest, xmlResponse } from './action.ts';
import { encryptionHeaders, readEncryptionWish } from './encryption-headers.ts';
import { readChecksumAlgorithm } from './object-headers.ts';
import { readIntent } from './object-intent.ts';

export const createMultipartUpload: BucketAction = async (context, request) => {
  const { bucket, key } = request;
  const checksum = readUploadChecksum(request);
  const intent = await readIntent(context, request);
  const wish = readEncryptionWish(context, request, bucket);
  const seal = await makeSeal(context, bucket, wish);
  const initiator = request.principal?.accountId;
  const upload = { bucket, key, intent, checksum, seal, initiator };
  const uploadId = await createUpload(context, upload);
  const shown: Record<string, string> = {
    ...encryptionHeaders(seal?.encryption),
    ...abortHeaders(bucket, { key, initiatedAtMs: context.clock.nowMs() }),
  };
  if (checksum !== undefined) {
    shown['x-amz-checksum-algorithm'] = checksum.algorithm.toUpperCase();
    shown['x-amz-checksum-type'] = checksum.type;
  }
  return xmlResponse(renderInitiateUpload(request.bucketName, key, uploadId), shown);
};

function readUploadChecksum(request: BucketRequest): UploadChecksum | undefined {
  const algorithm = readChecksumAlgorithm(request);
  const type = request.header('x-amz-checksum-type');
  if (algorithm === undefined) {
    if (type === undefined) return undefined;
    throw badChecksum('x-amz-checksum-type needs x-amz-checksum-algorithm beside it.');
  }
  const chosen = (type ?? defaultChecksumType(algorithm)) as ChecksumType;
  if (['COMPOSITE', 'FULL_OBJECT'].includes(chosen) && allowsChecksumType(algorithm, chosen)) {
    return { algorithm, type: chosen };
  }
  throw badChecksum(
    `The ${chosen} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
  );
}

function badChecksum(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-combination', resource: 'checksum', message });
}
