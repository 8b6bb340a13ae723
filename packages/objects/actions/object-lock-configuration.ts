// Owns GetObjectLockConfiguration and PutObjectLockConfiguration.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type ObjectLockConfiguration,
  parseObjectLock,
  renderObjectLock,
} from '@ironbark/protocol/s3/object-lock.ts';
import { getSetting, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, readDocument, xmlResponse } from './action.ts';

export const getObjectLockConfiguration: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderObjectLock(getSetting<ObjectLockConfiguration>(bucket, 'object-lock')));

export const putObjectLockConfiguration: BucketAction = async (context, request) => {
  const { bucket } = request;
  const configuration = parseObjectLock(await readDocument(request));
  if (bucket.versioning !== 'Enabled') throw notVersioned();
  await saveSetting(context, bucket, 'object-lock', configuration);
  return { status: 200 };
};

function notVersioned(): ServiceError {
  return new ServiceError({
    kind: 'incorrect-state',
    resource: 'object-lock',
    message: "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration",
  });
}
