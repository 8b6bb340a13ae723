// Owns GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy and GetBucketPolicyStatus.

import { ServiceError } from '@ironbark/core/errors.ts';
import { MAX_POLICY_BYTES, parseBucketPolicy } from '@ironbark/protocol/policy/document.ts';
import { isPublicPolicy } from '@ironbark/protocol/policy/evaluate.ts';
import { ALL_USERS, AUTHENTICATED_USERS } from '@ironbark/protocol/s3/acl.ts';
import { NO_BLOCK, type PublicAccessBlock } from '@ironbark/protocol/s3/ownership.ts';
import { renderPolicyStatus } from '@ironbark/protocol/s3/results.ts';
import type { PolicyRecord } from '../app/access.ts';
import { bucketGrants, hasAcls } from '../app/acl.ts';
import {
  type Bucket,
  getSetting,
  readSetting,
  removeSetting,
  saveSetting,
} from '../app/bucket-settings.ts';
import type { ObjectsContext } from '../app/context.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketPolicy: BucketAction = async (_context, { bucket }) => ({
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: getSetting<PolicyRecord>(bucket, 'policy').text,
});

export const putBucketPolicy: BucketAction = async (context, request) => {
  const { bucket } = request;
  const text = (await readDocument(request, MAX_POLICY_BYTES)).toString('utf8');
  const document = parseBucketPolicy(text, bucket.name);
  if (blockOf(bucket).blockPublicPolicy && isPublicPolicy(document)) throw isBlocked();
  const record: PolicyRecord = { text, document };
  await saveSetting(context, bucket, 'policy', record);
  return NO_CONTENT;
};

export const deleteBucketPolicy: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'policy');
  return NO_CONTENT;
};

export const getBucketPolicyStatus: BucketAction = async (context, { bucket }) =>
  xmlResponse(renderPolicyStatus(isPublic(context, bucket)));

function isPublic(context: ObjectsContext, bucket: Bucket): boolean {
  const { ignorePublicAcls, restrictPublicBuckets } = blockOf(bucket);
  const policy = readSetting<PolicyRecord>(bucket, 'policy');
  const isByPolicy = policy !== undefined && isPublicPolicy(policy.document);
  const isByAcl = bucketGrants(bucket).some(
    ({ grantee }) =>
      grantee.kind === 'group' && [ALL_USERS, AUTHENTICATED_USERS].includes(grantee.uri),
  );
  const countsAcl = hasAcls(context, bucket) && !ignorePublicAcls;
  return (isByPolicy && !restrictPublicBuckets) || (isByAcl && countsAcl);
}

function blockOf(bucket: Bucket): PublicAccessBlock {
  return readSetting<PublicAccessBlock>(bucket, 'publicAccessBlock') ?? NO_BLOCK;
}

function isBlocked(): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'policy',
    message: 'Access Denied: the public access block of the bucket keeps public policies out.',
  });
}
