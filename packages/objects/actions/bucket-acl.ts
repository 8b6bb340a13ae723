// Owns GetBucketAcl and PutBucketAcl.

import { type AclGrant, parseAccessControlPolicy, renderAcl } from '@ironbark/protocol/s3/acl.ts';
import { bucketGrants, readAclHeaders, requireAcls, requireNotBlocked } from '../app/acl.ts';
import { saveSetting } from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import { requireSameOwner } from './acl-document.ts';
import { type BucketAction, type BucketRequest, readDocument, xmlResponse } from './action.ts';

export const getBucketAcl: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderAcl({ ownerId: bucket.account_id, grants: bucketGrants(bucket) }));

export const putBucketAcl: BucketAction = async (context, request) => {
  const { bucket } = request;
  const grants = await readGrants(context, request);
  requireNotBlocked(bucket, grants);
  await saveSetting(context, bucket, 'acl', grants);
  return { status: 200 };
};

async function readGrants(
  context: ObjectsContext,
  request: BucketRequest,
): Promise<readonly AclGrant[]> {
  const { bucket } = request;
  const ownerId = bucket.account_id;
  const body = await readDocument(request);
  requireAcls(context, bucket);
  const given = readAclHeaders(request, { ownerId, bucketOwnerId: ownerId });
  if (given !== undefined) return given;
  return requireSameOwner(parseAccessControlPolicy(body), ownerId);
}
