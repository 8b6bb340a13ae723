// Owns the decision whether a principal may do something, by its own account's policies: pure, the same for every service.
// Source: IAM User Guide, "Policy evaluation logic".

import type { AccountId } from '@ironbark/core/ids.ts';
import type { ConditionContext } from '../policy/conditions.ts';
import type { PolicyDocument } from '../policy/document.ts';
import { evaluatePolicy, mayAllow, type Verdict } from '../policy/evaluate.ts';
import { principalConditions } from '../policy/principal-conditions.ts';
import type { Principal } from './identity-client.ts';

export interface AccessRequest {
  principal: Principal;
  /** IAM's name of it, such as `ec2:RunInstances` or `s3:GetObject`. */
  action: string;
  resource: AccessResource;
  /** IAM's condition keys, such as `aws:RequestedRegion`, folded; those of the principal are added here. */
  context: ConditionContext;
}

export interface AccessResource {
  /** `*` for an action that is about nothing in particular. */
  arn: string;
  /** Whose it is. */
  accountId: AccountId;
}

/** Why not is for the caller to see: who said no, or that nobody said yes, or that it is another account's. */
export type AccessDecision =
  | 'allowed'
  | 'explicitly-denied'
  | 'no-policy-allows'
  | 'no-boundary-allows'
  | 'no-session-policy-allows'
  | 'another-account';

/** IAM User Guide, "GetCallerIdentity": no permissions are required, and none can take it away. */
const ALLOWED_TO_ALL: ReadonlySet<string> = new Set(['sts:GetCallerIdentity']);
/** "No permissions are required for users to perform this operation": it can be denied all the same. */
const NEEDS_NO_POLICY: ReadonlySet<string> = new Set(['sts:GetSessionToken']);

/** A root key may do everything in its own account and nothing elsewhere; anybody else what policies allow. */
export function decideAccess(request: AccessRequest): AccessDecision {
  const { principal, action, resource } = request;
  if (ALLOWED_TO_ALL.has(action)) return 'allowed';
  if (resource.accountId !== principal.accountId) return 'another-account';
  if (principal.isRoot) return 'allowed';
  const { identity = [], boundary, session } = principal.permissions ?? {};
  const byIdentity = judge(identity, request);
  const byBoundary = boundary === undefined ? 'allow' : judge([boundary], request);
  const bySession = session === undefined ? 'allow' : judge(session, request);
  if ([byIdentity, byBoundary, bySession].includes('deny')) return 'explicitly-denied';
  if (NEEDS_NO_POLICY.has(action)) return 'allowed';
  if (byIdentity !== 'allow') return 'no-policy-allows';
  if (byBoundary !== 'allow') return 'no-boundary-allows';
  return bySession === 'allow' ? 'allowed' : 'no-session-policy-allows';
}

/**
 * For what somebody else's policy has given: a session has no more than it was narrowed to, and a role's boundary bounds
 * what its sessions are given. A user's does not.
 */
export function isWithinLimits(request: AccessRequest): boolean {
  const { permissions, roleArn } = request.principal;
  const { boundary, session } = permissions ?? {};
  const isBounded = boundary !== undefined && roleArn !== undefined;
  const isWithin = !isBounded || judge([boundary], request) === 'allow';
  return isWithin && (session === undefined || judge(session, request) === 'allow');
}

/** False when nobody could ever allow this, whatever the request is about: there is no need to read it. */
export function mayEver({ permissions, isRoot }: Principal, action: string): boolean {
  if (isRoot || ALLOWED_TO_ALL.has(action) || NEEDS_NO_POLICY.has(action)) return true;
  return (permissions?.identity ?? []).some((policy) => mayAllow(policy, action));
}

/** What these policies together say: a denial wins. */
function judge(policies: readonly PolicyDocument[], request: AccessRequest): Verdict {
  const { principal, action, resource } = request;
  const context = new Map([...request.context, ...principalConditions(principal)]);
  const question = { principal, action, resource: resource.arn, context };
  const verdicts = new Set(policies.map((policy) => evaluatePolicy(policy, question)));
  if (verdicts.has('deny')) return 'deny';
  return verdicts.has('allow') ? 'allow' : 'silent';
}
