// Owns GetBucketOwnershipControls, PutBucketOwnershipControls and DeleteBucketOwnershipControls.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  parseOwnershipControls,
  renderOwnershipControls,
} from '@ironbark/protocol/s3/ownership.ts';
import { bucketGrants, findOwnership } from '../app/acl.ts';
import { notSet, saveSetting } from '../app/bucket-settings.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketOwnershipControls: BucketAction = async (context, { bucket }) => {
  const ownership = findOwnership(context, bucket);
  if (ownership === undefined) throw notSet(bucket.name, 'ownershipControls');
  return xmlResponse(renderOwnershipControls(ownership));
};

export const putBucketOwnershipControls: BucketAction = async (context, request) => {
  const { bucket } = request;
  const ownership = parseOwnershipControls(await readDocument(request));
  const others = bucketGrants(bucket).filter(
    ({ grantee }) => grantee.kind !== 'account' || grantee.id !== bucket.account_id,
  );
  if (ownership === 'BucketOwnerEnforced' && others.length > 0) throw hasGrants();
  await saveSetting(context, bucket, 'ownershipControls', ownership);
  return { status: 200 };
};

export const deleteBucketOwnershipControls: BucketAction = async (context, { bucket }) => {
  await saveSetting(context, bucket, 'ownershipControls', null);
  return NO_CONTENT;
};

function hasGrants(): ServiceError {
  return new ServiceError({
    kind: 'invalid-combination',
    resource: 'acl',
    message: "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
  });
}
