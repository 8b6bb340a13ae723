// Owns CreateBucket.

import { parseCreateBucket } from '@ironbark/protocol/s3/requests.ts';
import { requireRoot } from '../app/access.ts';
import { createBucket as create } from '../app/buckets.ts';
import { readAll } from '../app/byte-source.ts';
import type { S3Action } from './action.ts';
import { refuseNotOffered } from './object-headers.ts';

/** The configuration has a handful of members. */
const MAX_BODY_BYTES = 64 * 1_024;

export const createBucket: S3Action = async (context, request) => {
  requireRoot(request.principal);
  refuseNotOffered(request);
  const body = await readAll(request.openBody(), MAX_BODY_BYTES);
  await create(context, {
    name: request.bucketName,
    accountId: request.principal.accountId,
    location: parseCreateBucket(body).locationConstraint,
  });
  return { status: 200, headers: { location: `/${request.bucketName}` } };
};
