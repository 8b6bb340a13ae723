// Owns whether a caller may take a role: its trust policy, and what the caller's own account lets it do.
// Source: IAM User Guide, "Cross-account policy evaluation logic", "Roles terms and concepts".

import {
  type AccessDecision,
  decideAccess,
  isWithinLimits,
} from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { ConditionContext } from '@ironbark/protocol/policy/conditions.ts';
import type { PolicyDocument } from '@ironbark/protocol/policy/document.ts';
import { evaluatePolicy } from '@ironbark/protocol/policy/evaluate.ts';
import { parseTrustPolicy } from '@ironbark/protocol/policy/identity-document.ts';
import { principalConditions } from '@ironbark/protocol/policy/principal-conditions.ts';
import type { RoleTable } from '../../store/iam-schema.ts';
import { entityArn } from './names.ts';
import { byIdAlone } from './trust-principals.ts';

export interface TrustQuestion {
  principal: Principal;
  role: RoleTable;
  /** `sts:AssumeRole`, or `sts:TagSession` for a session with tags. */
  action: string;
  conditions: ConditionContext;
}

export function mayTakeRole(question: TrustQuestion): boolean {
  const { principal, role, action, conditions } = question;
  const trust = byIdAlone(parseTrustPolicy(role.trustPolicy));
  const verdict = askTrust(trust, question, principal);
  if (verdict === 'deny') return false;
  const arn = entityArn('role', role);
  const resource = { arn, accountId: principal.accountId };
  const request = { principal, action, resource, context: conditions };
  const own: AccessDecision = decideAccess(request);
  if (own === 'explicitly-denied') return false;
  const isOwn = principal.accountId === role.accountId;
  if (verdict === 'allow' && isOwn) return isWithinLimits(request);
  // A trust policy that names the account leaves it to the account.
  const isAccountTrusted = askTrust(trust, question, rootOf(principal)) === 'allow';
  return (verdict === 'allow' || isAccountTrusted) && own === 'allowed';
}

/** Of one of the cloud's services, such as `ec2.amazonaws.com`. */
export function mayServiceTakeRole(role: RoleTable, service: string): boolean {
  const question = { principal: undefined, service, action: 'sts:AssumeRole' };
  const resource = entityArn('role', role);
  const trust = parseTrustPolicy(role.trustPolicy);
  return evaluatePolicy(trust, { ...question, resource, context: new Map() }) === 'allow';
}

function askTrust(
  trust: PolicyDocument,
  { role, action, conditions, principal: asking }: TrustQuestion,
  principal: Principal,
) {
  const resource = entityArn('role', role);
  const context = new Map([...conditions, ...principalConditions(asking)]);
  return evaluatePolicy(trust, { principal, action, resource, context });
}

function rootOf({ accountId }: Principal): Principal {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { accountId, arn, userId: accountId, isRoot: true };
}
