// Owns the errors for objects and uploads that are not there.

import { ServiceError } from '@ironbark/core/errors.ts';

export function noSuchKey(
  key: string,
  details: Readonly<Record<string, string>> = {},
): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'object',
    message: 'The specified key does not exist.',
    details: { Key: key, ...details },
  });
}

export function noSuchUpload(uploadId: string): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'upload',
    message:
      'The specified upload does not exist. The upload ID may be invalid, or the upload may have been ' +
      'aborted or completed.',
    details: { UploadId: uploadId },
  });
}

export function noSuchBucket(name: string): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'bucket',
    message: 'The specified bucket does not exist.',
    details: { BucketName: name },
  });
}
