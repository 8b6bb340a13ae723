// Owns the condition keys that say who asks.
// Source: IAM User Guide, "AWS global condition context keys", "Properties of the principal".

import type { Principal } from '../internal/identity-client.ts';
import { foldKey } from './conditions.ts';

export function principalConditions(
  principal: Principal | undefined,
): Map<string, readonly string[]> {
  const context = new Map<string, readonly string[]>();
  const set = (key: string, value: string) => context.set(foldKey(key), [value]);
  if (principal === undefined) return set('aws:PrincipalType', 'Anonymous');
  const { accountId, arn, userId, isRoot, roleArn, issuedAtMs, tags = {} } = principal;
  set('aws:PrincipalType', isRoot ? 'Account' : roleArn === undefined ? 'User' : 'AssumedRole');
  // Of a session it is the role's: that is what policies name.
  set('aws:PrincipalArn', roleArn ?? arn);
  set('aws:PrincipalAccount', accountId);
  set('aws:userid', userId);
  if (!isRoot && roleArn === undefined) set('aws:username', arn.slice(arn.lastIndexOf('/') + 1));
  if (issuedAtMs !== undefined) {
    set('aws:TokenIssueTime', new Date(issuedAtMs).toISOString());
    set('aws:MultiFactorAuthPresent', 'false');
  }
  for (const [key, value] of Object.entries(tags)) set(`aws:PrincipalTag/${key}`, value);
  return context;
}
