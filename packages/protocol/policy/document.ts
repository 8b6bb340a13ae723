// Owns policies as documents: read from JSON, and refused where they would not have the effect that they say; and what
// may stand in the policy of a bucket.
// Source: IAM User Guide, "Grammar of the IAM JSON policy language".

import { ServiceError } from '@ironbark/core/errors.ts';
import { isKnownKey, isKnownOperator } from './conditions.ts';

export type Effect = 'Allow' | 'Deny';

export type Principals = { kind: 'everybody' } | { kind: 'some'; names: readonly string[] };

export interface Condition {
  /** Such as `StringLikeIfExists` or `ForAnyValue:StringEquals`. */
  operator: string;
  key: string;
  values: readonly string[];
}

export interface Statement {
  effect: Effect;
  principals: Principals;
  /** The statement is about everybody but these. */
  excludesPrincipals: boolean;
  actions: readonly string[];
  excludesActions: boolean;
  resources: readonly string[];
  excludesResources: boolean;
  conditions: readonly Condition[];
}

export interface PolicyDocument {
  statements: readonly Statement[];
  /** Policies before 2012-10-17 know no ${variables}. */
  hasVariables: boolean;
}

/** AWS's limit of a bucket policy. */
export const MAX_POLICY_BYTES = 20 * 1_024;
const VERSIONS = ['2008-10-17', '2012-10-17'];

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
type JsonObject = { readonly [name: string]: Json };

/** What may stand in a kind of policy. */
export interface Dialect {
  /** Absent: nobody is named, for a policy that is attached to whom it is about. */
  checkPrincipal?: (kind: string, name: string) => string;
  checkAction: (action: string) => string;
  /** Absent: no resource is named, for a policy that is attached to what it is about. */
  checkResource?: (arn: string) => string;
  isKnownKey: (key: string) => boolean;
}

/** Throws malformed-input / policy. */
export function parseBucketPolicy(text: string, bucketName: string): PolicyDocument {
  return parsePolicy(text, {
    checkPrincipal: checkBucketPrincipal,
    checkAction: checkBucketAction,
    checkResource: (arn) => checkBucketResource(arn, bucketName),
    isKnownKey,
  });
}

/** Throws malformed-input / policy. */
export function parsePolicy(text: string, dialect: Dialect): PolicyDocument {
  const root = parseJson(text);
  requireMembers(root, ['Version', 'Id', 'Statement']);
  const version = root['Version'] ?? '2008-10-17';
  if (!VERSIONS.includes(String(version))) throw malformed('The policy has an unknown Version');
  const statements = toList(root['Statement']).map((one) => parseStatement(one, dialect));
  if (statements.length === 0) throw malformed('Missing required field Statement');
  return { statements, hasVariables: version === '2012-10-17' };
}

function parseJson(text: string): JsonObject {
  let value: Json;
  try {
    value = JSON.parse(text) as Json;
  } catch (cause) {
    throw malformed('Policies must be valid JSON and the first byte must be "{"', cause);
  }
  if (isObject(value)) return value;
  throw malformed('Policies must be valid JSON and the first byte must be "{"');
}

const STATEMENT_MEMBERS = [
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
];

function parseStatement(value: Json, dialect: Dialect): Statement {
  if (!isObject(value)) throw malformed('A statement is no object');
  requireMembers(value, STATEMENT_MEMBERS);
  const effect = value['Effect'];
  if (effect !== 'Allow' && effect !== 'Deny') throw malformed('Invalid effect');
  const [action, excludesActions] = oneOf(value, 'Action');
  return {
    effect,
    ...parseWho(value, effect, dialect),
    actions: texts(action, 'Action').map(dialect.checkAction),
    excludesActions,
    ...parseWhat(value, dialect),
    conditions: parseConditions(value['Condition'], dialect),
  };
}

function parseWho(
  value: JsonObject,
  effect: Effect,
  { checkPrincipal }: Dialect,
): Pick<Statement, 'principals' | 'excludesPrincipals'> {
  if (checkPrincipal === undefined) {
    refuseMembers(value, 'Principal');
    return { principals: { kind: 'everybody' }, excludesPrincipals: false };
  }
  const [principal, excludesPrincipals] = oneOf(value, 'Principal');
  if (effect === 'Allow' && excludesPrincipals) {
    throw malformed('Allow with NotPrincipal is not allowed');
  }
  return { principals: parsePrincipals(principal, checkPrincipal), excludesPrincipals };
}

function parseWhat(
  value: JsonObject,
  { checkResource }: Dialect,
): Pick<Statement, 'resources' | 'excludesResources'> {
  if (checkResource === undefined) {
    refuseMembers(value, 'Resource');
    return { resources: ['*'], excludesResources: false };
  }
  const [resource, excludesResources] = oneOf(value, 'Resource');
  return { resources: texts(resource, 'Resource').map(checkResource), excludesResources };
}

function refuseMembers(value: JsonObject, name: string): void {
  const found = [name, `Not${name}`].find((one) => value[one] !== undefined);
  if (found !== undefined) throw malformed(`This kind of policy has no ${found}`);
}

/** The member or its opposite, and whether it is the opposite. */
function oneOf(value: JsonObject, name: string): [Json, boolean] {
  const plain = value[name];
  const opposite = value[`Not${name}`];
  if ((plain === undefined) === (opposite === undefined)) {
    throw malformed(`Missing required field ${name}, or both ${name} and Not${name}`);
  }
  return plain === undefined ? [opposite!, true] : [plain, false];
}

function parsePrincipals(value: Json, check: NonNullable<Dialect['checkPrincipal']>): Principals {
  if (value === '*') return { kind: 'everybody' };
  if (!isObject(value)) throw malformed('Invalid principal in policy');
  const names: string[] = [];
  for (const [kind, given] of Object.entries(value)) {
    for (const name of texts(given, 'Principal')) {
      if (kind === 'AWS' && name === '*') return { kind: 'everybody' };
      names.push(check(kind, name));
    }
  }
  if (names.length === 0) throw malformed('Invalid principal in policy');
  return { kind: 'some', names };
}

/** What keeps buckets' access logs in buckets. */
export const LOG_DELIVERY_SERVICE = 'logging.s3.amazonaws.com';
/** What keeps other services' logs in buckets. */
export const SERVICE_LOG_DELIVERY = 'delivery.logs.amazonaws.com';
const SERVICES: readonly string[] = [LOG_DELIVERY_SERVICE, SERVICE_LOG_DELIVERY];

function checkBucketPrincipal(kind: string, name: string): string {
  if (['AWS', 'CanonicalUser'].includes(kind)) return checkPrincipalName(name);
  if (kind === 'Service' && SERVICES.includes(name)) return name;
  throw malformed(`Invalid principal in policy: this cloud has no principals of kind ${kind}`);
}

const PRINCIPAL =
  /^arn:aws:(?:iam::\d{12}:(?:root|(?:user|role)\/[\w+=,.@/-]{1,1024})|sts::\d{12}:assumed-role\/[\w+=,.@/-]{1,256})$/;

/** An account by its number or root, a user, a role or a session of one. */
export function checkPrincipalName(name: string): string {
  const account = /^(\d{12})$/.exec(name)?.[1];
  if (account !== undefined) return `arn:aws:iam::${account}:root`;
  if (PRINCIPAL.test(name)) return name;
  throw malformed(`Invalid principal in policy: ${name.slice(0, 128)}`);
}

function checkBucketAction(action: string): string {
  if (action === '*' || /^s3:[A-Za-z0-9*?]+$/i.test(action)) return action;
  throw malformed('Policy has invalid action');
}

function checkBucketResource(arn: string, bucketName: string): string {
  const name = arn.startsWith('arn:aws:s3:::') ? arn.slice('arn:aws:s3:::'.length) : undefined;
  const [bucket = ''] = name?.split('/') ?? [];
  const isOwn = name !== undefined && (bucket === bucketName || /[*?]/.test(bucket));
  if (isOwn || arn === '*') return arn;
  throw malformed('Policy has invalid resource');
}

function parseConditions(
  value: Json | undefined,
  { isKnownKey: isKnown }: Dialect,
): readonly Condition[] {
  if (value === undefined) return [];
  if (!isObject(value)) throw malformed('Condition is no object');
  return Object.entries(value).flatMap(([operator, keys]) => {
    if (!isKnownOperator(operator)) throw malformed(`Invalid Condition type : ${operator}`);
    if (!isObject(keys)) throw malformed('Condition is no object of objects');
    return Object.entries(keys).map(([key, given]) => {
      if (!isKnown(key)) throw malformed(`Policy has an invalid condition key: ${key}`);
      return { operator, key, values: texts(given, 'Condition') };
    });
  });
}

function texts(value: Json, what: string): readonly string[] {
  const list = toList(value);
  const isGood = list.every((one) => ['string', 'number', 'boolean'].includes(typeof one));
  if (!isGood || list.length === 0) throw malformed(`${what} has to be a text or a list of texts`);
  return list.map(String);
}

function toList(value: Json | undefined): readonly Json[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value as Json];
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function requireMembers(value: JsonObject, known: readonly string[]): void {
  const unknown = Object.keys(value).find((name) => !known.includes(name));
  if (unknown !== undefined) throw malformed(`Unknown field ${unknown.slice(0, 64)}`);
}

export function malformed(message: string, cause?: unknown): ServiceError {
  return new ServiceError({ kind: 'malformed-input', resource: 'policy', message, cause });
}
