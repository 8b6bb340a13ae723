// Owns GetBucketVersioning and PutBucketVersioning.

import { ServiceError } from '@ironbark/core/errors.ts';
import { parseVersioning, renderVersioning } from '@ironbark/protocol/s3/versioning.ts';
import { changeVersioning } from '../app/buckets.ts';
import { findLockConfiguration } from '../app/object-lock.ts';
import { type BucketAction, readDocument, xmlResponse } from './action.ts';

export const getBucketVersioning: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderVersioning(bucket.versioning));

export const putBucketVersioning: BucketAction = async (context, request) => {
  const { bucket } = request;
  const status = parseVersioning(await readDocument(request));
  if (status === 'Suspended' && findLockConfiguration(bucket) !== undefined) throw isLocked();
  await changeVersioning(context, bucket, status);
  return { status: 200 };
};

function isLocked(): ServiceError {
  return new ServiceError({
    kind: 'incorrect-state',
    resource: 'object-lock',
    message:
      'An Object Lock configuration is present on this bucket, so the versioning state cannot be changed.',
  });
}
