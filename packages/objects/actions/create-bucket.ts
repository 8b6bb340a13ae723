// Owns CreateBucket.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AclGrant } from '@ironbark/protocol/s3/acl.ts';
import { type Ownership, parseOwnership } from '@ironbark/protocol/s3/ownership.ts';
import { parseCreateBucket } from '@ironbark/protocol/s3/requests.ts';
import { requireAccount } from '../app/access.ts';
import { readAclHeaders, requireNoAcl } from '../app/acl.ts';
import { createBucket as create, nameTaken } from '../app/buckets.ts';
import type { ObjectsContext } from '../app/context.ts';
import { isReservedBucketName } from '../app/keys.ts';
import { readDocument, type S3Action, type S3Request } from './action.ts';
import { refuseNotOffered } from './object-headers.ts';

export const createBucket: S3Action = async (context, request) => {
  refuseNotOffered(request);
  const { accountId } = requireAccount(request.principal, request.operation, request.bucketName);
  if (isReservedBucketName(request.bucketName)) throw nameTaken(request.bucketName, false);
  const { locationConstraint, tags } = parseCreateBucket(await readDocument(request));
  const ownership = readOwnership(request);
  await create(context, {
    name: request.bucketName,
    accountId,
    location: locationConstraint,
    settings: {
      ownershipControls: ownership,
      acl: readAcl(context, request, { accountId, ownership }),
      'object-lock': wantsLock(request) ? {} : undefined,
      tagging: tags.length === 0 ? undefined : tags,
    },
  });
  return { status: 200, headers: { location: `/${request.bucketName}` } };
};

function readOwnership(request: S3Request): Ownership | undefined {
  const name = request.header('x-amz-object-ownership');
  return name === undefined ? undefined : parseOwnership(name);
}

function readAcl(
  context: ObjectsContext,
  request: S3Request,
  { accountId, ownership }: { accountId: string; ownership: Ownership | undefined },
): readonly AclGrant[] | undefined {
  if ((ownership ?? context.defaultOwnership) === 'BucketOwnerEnforced') {
    if (ownership === undefined) requireNoAcl(request, 'private');
    else requireNoAclBeside(request);
    return undefined;
  }
  return readAclHeaders(request, { ownerId: accountId, bucketOwnerId: accountId });
}

/** AWS has another code where both are asked for in one request. */
function requireNoAclBeside(request: S3Request): void {
  try {
    requireNoAcl(request, 'private');
  } catch (cause) {
    throw new ServiceError({
      kind: 'invalid-combination',
      resource: 'acl',
      message: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
      cause,
    });
  }
}

function wantsLock(request: S3Request): boolean {
  return request.header('x-amz-bucket-object-lock-enabled')?.toLowerCase() === 'true';
}
