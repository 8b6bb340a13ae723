// Owns what a policy says of a request: it allows, it denies, or it says nothing; and whether it is open to everybody.

import type { Principal } from '../internal/identity-client.ts';
import { type ConditionContext, foldKey, holds, takesPatterns } from './conditions.ts';
import type { Condition, PolicyDocument, Principals, Statement } from './document.ts';
import { matchesPattern, quotePattern } from './patterns.ts';

export type Verdict = 'allow' | 'deny' | 'silent';

export interface PolicyQuestion {
  /** Undefined: the request is not signed. */
  principal: Principal | undefined;
  /** One of the cloud's services asks, such as `ec2.amazonaws.com`. */
  service?: string;
  /** Such as `s3:GetObject`. */
  action: string;
  /** Arn. */
  resource: string;
  context: ConditionContext;
}

/** An explicit denial wins. */
export function evaluatePolicy(policy: PolicyDocument, question: PolicyQuestion): Verdict {
  const meant = policy.statements.filter((one) => appliesTo(one, policy, question));
  if (meant.some((one) => one.effect === 'Deny')) return 'deny';
  return meant.length > 0 ? 'allow' : 'silent';
}

type Expand = (text: string, quote: (value: string) => string) => string | undefined;

function appliesTo(
  statement: Statement,
  { hasVariables }: PolicyDocument,
  question: PolicyQuestion,
): boolean {
  const { resource, context } = question;
  const expand: Expand = hasVariables
    ? (text, quote) => replaceVariables(text, context, quote)
    : (text) => text;
  const isResource = statement.resources.some((pattern) => {
    const full = expand(pattern, quotePattern);
    return full !== undefined && matchesPattern(full, resource);
  });
  return (
    namesAction(statement, question.action) &&
    isMeant(statement, question) &&
    isResource !== statement.excludesResources &&
    statement.conditions.every((condition) => isMet(condition, context, expand))
  );
}

function namesAction({ actions, excludesActions }: Statement, action: string): boolean {
  const isNamed = actions.some((pattern) =>
    matchesPattern(pattern.toLowerCase(), action.toLowerCase()),
  );
  return isNamed !== excludesActions;
}

/** False when nothing that the request could be about would make this policy allow the action. */
export function mayAllow({ statements }: PolicyDocument, action: string): boolean {
  return statements.some((one) => one.effect === 'Allow' && namesAction(one, action));
}

function isMet(
  { operator, key, values }: Condition,
  context: ConditionContext,
  expand: Expand,
): boolean {
  const quote = takesPatterns(operator) ? quotePattern : (text: string) => text;
  const expanded = values
    .map((value) => expand(value, quote))
    .filter((value) => value !== undefined);
  return holds({ operator, key, values: expanded }, context);
}

const VARIABLE = /\$\{([^}]{1,256})\}/g;
/** A key, and what it stands for where the request has none. */
const KEY_AND_DEFAULT = /^([^,']+?)(?:, *'([^']*)')?$/;

/** Undefined when a variable has no value: what holds it matches nothing. */
function replaceVariables(
  text: string,
  context: ConditionContext,
  quote: (value: string) => string,
): string | undefined {
  let isComplete = true;
  const full = text.replace(VARIABLE, (_, inner: string) => {
    if (['*', '?', '$'].includes(inner)) return quote(inner);
    const [, name = inner, fallback] = KEY_AND_DEFAULT.exec(inner) ?? [];
    const values = context.get(foldKey(name.trim())) ?? [];
    // "You cannot use a multivalued key as a variable."
    const value = values.length === 1 ? values[0] : fallback;
    isComplete &&= value !== undefined;
    return quote(value ?? '');
  });
  return isComplete ? full : undefined;
}

function isMeant(statement: Statement, question: PolicyQuestion): boolean {
  const { principals, excludesPrincipals, effect } = statement;
  const isNamed = isAmong(principals, question, effect === 'Deny');
  return isNamed !== excludesPrincipals;
}

/**
 * An account stands for its root alone where something is given: whether its users may is for the account to say. Where
 * something is denied it stands for all of them.
 */
function isAmong(
  principals: Principals,
  { principal, service }: PolicyQuestion,
  isDenial: boolean,
): boolean {
  if (principals.kind === 'everybody') return true;
  if (service !== undefined) return principals.names.includes(service);
  if (principal === undefined) return false;
  const { arn, roleArn, userId, accountId, isRoot } = principal;
  const own = new Set([arn, roleArn, userId]);
  // Of a session: its role's.
  if (roleArn !== undefined) own.add(userId.split(':', 1)[0]!);
  if (isDenial || isRoot) own.add(`arn:aws:iam::${accountId}:root`);
  return principals.names.some((name) => own.has(name));
}

/** Keys by which a statement for everybody is one for somebody after all. */
const NARROWING_KEYS = new Set(
  ['aws:SourceIp', 'aws:PrincipalArn', 'aws:PrincipalAccount', 'aws:userid', 'aws:username'].map(
    foldKey,
  ),
);
const NARROWING_OPERATORS =
  /^(?:StringEquals|StringLike|StringEqualsIgnoreCase|ArnEquals|ArnLike|IpAddress)$/;

/** Source: AWS, "Blocking public access to your Amazon S3 storage", the meaning of "public". */
export function isPublicPolicy({ statements }: PolicyDocument): boolean {
  return statements.some(
    ({ effect, principals, excludesPrincipals, conditions }) =>
      effect === 'Allow' &&
      (principals.kind === 'everybody' || excludesPrincipals) &&
      !conditions.some(isNarrowing),
  );
}

function isNarrowing({ operator, key, values }: Condition): boolean {
  if (!NARROWING_KEYS.has(foldKey(key)) || !NARROWING_OPERATORS.test(operator)) return false;
  return values.every((value) => !/[*?$]/.test(value) && !isWholeInternet(value));
}

function isWholeInternet(value: string): boolean {
  const bits = /\/(\d+)$/.exec(value)?.[1];
  return bits !== undefined && Number(bits) < (value.includes(':') ? 32 : 8);
}
