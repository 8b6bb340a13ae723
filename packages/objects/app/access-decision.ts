// Owns the decision whether a request to S3 may go on: pure. An explicit denial wins; then the owner, the bucket's
// policy and access control lists may each allow it; what nobody allows is denied.
// Source: AWS, "How Amazon S3 authorizes a request".

import type { AccountId } from '@ironbark/core/ids.ts';
import { decideAccess, isWithinLimits } from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { ConditionContext } from '@ironbark/protocol/policy/conditions.ts';
import type { PolicyDocument } from '@ironbark/protocol/policy/document.ts';
import { evaluatePolicy, isPublicPolicy } from '@ironbark/protocol/policy/evaluate.ts';
import {
  type AclGrant,
  type AclPermission,
  ALL_USERS,
  AUTHENTICATED_USERS,
} from '@ironbark/protocol/s3/acl.ts';
import type { PublicAccessBlock } from '@ironbark/protocol/s3/ownership.ts';

export interface AccessQuestion {
  principal: Principal | undefined;
  action: string;
  resource: string;
  bucketOwner: AccountId;
  /** Of an object that is there, which somebody else may own; else the bucket's owner. */
  resourceOwner: AccountId;
  policy: PolicyDocument | undefined;
  block: PublicAccessBlock;
  /** Of the bucket or of the object, whichever counts; undefined where no grant is enough, or lists are off. */
  grants: readonly AclGrant[] | undefined;
  grant: AclPermission | undefined;
  context: ConditionContext;
}

export type AccessDecision =
  | 'allowed'
  | 'denied-by-policy'
  | 'denied-by-identity'
  | 'no-policy-allows'
  | 'another-account'
  | 'anonymous';

/** A bucket's owner can always get a policy out of the way again. */
const ALWAYS_OWNERS = new Set([
  's3:GetBucketPolicy',
  's3:PutBucketPolicy',
  's3:DeleteBucketPolicy',
]);

export function decideObjectsAccess(question: AccessQuestion): AccessDecision {
  const { principal, action, resource, policy, context } = question;
  const verdict =
    policy === undefined
      ? 'silent'
      : evaluatePolicy(policy, { principal, action, resource, context });
  const isOwnersRoot = principal?.isRoot === true && principal.accountId === question.bucketOwner;
  if (isOwnersRoot && ALWAYS_OWNERS.has(action)) return 'allowed';
  if (verdict === 'deny') return 'denied-by-policy';
  if (askAccount(question) === 'explicitly-denied') return 'denied-by-identity';
  const isOwn = principal?.accountId === question.resourceOwner;
  if (isOwn && mayByIdentity(question)) return 'allowed';
  if (verdict === 'allow' && isPolicyEnough(question, isOwn)) return 'allowed';
  if (isGranted(question) && (principal === undefined || mayByIdentity(question))) return 'allowed';
  if (principal === undefined) return 'anonymous';
  return isOwn ? 'no-policy-allows' : 'another-account';
}

/** What the principal's own account lets it do. */
function mayByIdentity(question: AccessQuestion): boolean {
  return askAccount(question) === 'allowed';
}

function askAccount(question: AccessQuestion) {
  const request = toRequest(question);
  return request && decideAccess(request);
}

function toRequest({ principal, action, resource, context }: AccessQuestion) {
  if (principal === undefined) return undefined;
  const { accountId } = principal;
  return { principal, action, resource: { arn: resource, accountId }, context };
}

/** Within an account the bucket's policy is enough; a caller of another one needs that account's leave as well. */
function isPolicyEnough(question: AccessQuestion, isOwn: boolean): boolean {
  const { principal, policy, block, bucketOwner, resourceOwner } = question;
  // A bucket's policy speaks for what its owner owns.
  if (resourceOwner !== bucketOwner) return false;
  const isRestricted = block.restrictPublicBuckets && isPublicPolicy(policy!);
  if (isRestricted && !isOwn) return false;
  if (principal === undefined) return true;
  return isOwn ? isWithinLimits(toRequest(question)!) : mayByIdentity(question);
}

function isGranted({ principal, grants = [], grant, block }: AccessQuestion): boolean {
  if (grant === undefined) return false;
  return grants.some(({ grantee, permission }) => {
    if (permission !== grant && permission !== 'FULL_CONTROL') return false;
    if (grantee.kind === 'account') return grantee.id === principal?.accountId;
    if (block.ignorePublicAcls) return false;
    if (grantee.uri === ALL_USERS) return true;
    return grantee.uri === AUTHENTICATED_USERS && principal !== undefined;
  });
}
