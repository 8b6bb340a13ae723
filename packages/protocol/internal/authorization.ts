// Owns the decision whether a principal may do something: pure, and the same for every service. Policies, when there
// are some, are what it will decide by.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Principal } from './identity-client.ts';

export interface AccessRequest {
  principal: Principal;
  /** IAM's name of it, such as `ec2:RunInstances` or `s3:GetObject`. */
  action: string;
  resource: AccessResource;
  /** IAM's condition keys, such as `aws:RequestedRegion`. */
  context: Readonly<Record<string, string>>;
}

export interface AccessResource {
  /** `*` for an action that is about nothing in particular. */
  arn: string;
  /** Whose it is. */
  accountId: AccountId;
}

/** Why not is for the caller to see: nobody said yes, or it is another account's. */
export type AccessDecision = 'allowed' | 'no-policy-allows' | 'another-account';

/** IAM User Guide, "GetCallerIdentity": no permissions are required, and none can take it away. */
const ALLOWED_TO_ALL: ReadonlySet<string> = new Set(['sts:GetCallerIdentity']);

/**
 * A root key may do everything in its own account and nothing elsewhere; a user may do what a policy allows, so without
 * one nothing at all.
 */
export function decideAccess({ principal, action, resource }: AccessRequest): AccessDecision {
  if (ALLOWED_TO_ALL.has(action)) return 'allowed';
  if (resource.accountId !== principal.accountId) return 'another-account';
  return principal.isRoot ? 'allowed' : 'no-policy-allows';
}
