// Owns CreateBucket.

import { parseCreateBucket } from '@ironbark/protocol/s3/requests.ts';
import { createBucket as create, nameTaken } from '../app/buckets.ts';
import { readAll } from '../app/byte-source.ts';
import { isReservedBucketName } from '../app/keys.ts';
import type { S3Action } from './action.ts';
import { refuseNotOffered } from './object-headers.ts';

/** The configuration has a handful of members. */
const MAX_BODY_BYTES = 64 * 1_024;

export const createBucket: S3Action = async (context, request) => {
  refuseNotOffered(request);
  if (isReservedBucketName(request.bucketName)) throw nameTaken(request.bucketName, false);
  const body = await readAll(request.openBody(), MAX_BODY_BYTES);
  await create(context, {
    name: request.bucketName,
    accountId: request.principal.accountId,
    location: parseCreateBucket(body).locationConstraint,
  });
  return { status: 200, headers: { location: `/${request.bucketName}` } };
};
