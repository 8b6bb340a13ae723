// Owns the policies of form uploads: what the owner of a key has signed that a browser may send.
// Source: AWS, "Creating a POST policy".

import { ServiceError } from '@ironbark/core/errors.ts';

export interface PostPolicy {
  minBytes: number;
  maxBytes: number | undefined;
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };

/** Fields that nobody has to have foreseen. */
const EXEMPT =
  /^(?:bucket|awsaccesskeyid|signature|policy|file|x-amz-signature|x-ignore-.*|x-amz-checksum-.*|x-amz-sdk-checksum-algorithm)$/;

interface Rule {
  operator: 'eq' | 'starts-with';
  field: string;
  value: string;
}

/** Throws unless the policy lets these fields through at this time. `bucket` counts among the fields. */
export function checkPostPolicy(
  encoded: string,
  fields: ReadonlyMap<string, string>,
  nowMs: number,
): PostPolicy {
  const { expiration, conditions } = parseDocument(encoded);
  if (expiration < nowMs) throw refused('Policy expired');
  const rules: Rule[] = [];
  const limits: PostPolicy = { minBytes: 0, maxBytes: undefined };
  for (const condition of conditions) readCondition(condition, rules, limits);
  for (const rule of rules) requireRule(rule, fields);
  const foreseen = new Set(rules.map((rule) => rule.field));
  const extra = [...fields.keys()].find((name) => !foreseen.has(name) && !EXEMPT.test(name));
  if (extra === undefined) return limits;
  throw refused(`Extra input fields: ${extra.slice(0, 64)}`);
}

function parseDocument(encoded: string): { expiration: number; conditions: readonly Json[] } {
  let document: Json;
  try {
    document = JSON.parse(Buffer.from(encoded, 'base64').toString('utf8')) as Json;
  } catch {
    throw invalidPolicy('it is no JSON in base64');
  }
  if (!isObject(document)) throw invalidPolicy('it is no object');
  const { expiration, conditions } = document;
  const ms = typeof expiration === 'string' ? parseExpiration(expiration) : Number.NaN;
  if (Number.isNaN(ms)) throw invalidPolicy('expiration is missing, or no time of ISO 8601');
  if (!Array.isArray(conditions)) throw invalidPolicy('conditions are missing');
  if (conditions.length === 0) throw invalidPolicy('there are no conditions');
  return { expiration: ms, conditions };
}

function parseExpiration(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/.test(text)
    ? Date.parse(text)
    : Number.NaN;
}

function readCondition(
  condition: Json,
  rules: Rule[],
  limits: { minBytes: number; maxBytes: number | undefined },
): void {
  if (Array.isArray(condition)) {
    const [operator, first, second] = condition as readonly Json[];
    const name = String(operator).toLowerCase();
    if (condition.length !== 3) throw invalidPolicy('a condition has not three members');
    if (name === 'content-length-range') {
      limits.minBytes = Math.max(limits.minBytes, parseLength(first!));
      limits.maxBytes = Math.min(limits.maxBytes ?? Number.POSITIVE_INFINITY, parseLength(second!));
    } else if (name === 'eq' || name === 'starts-with') {
      if (typeof first !== 'string' || !first.startsWith('$') || typeof second !== 'string') {
        throw invalidPolicy('a condition has to compare $field with a text');
      }
      rules.push({ operator: name, field: first.slice(1).toLowerCase(), value: second });
    } else throw invalidPolicy('a condition is of an unknown kind');
  } else if (isObject(condition)) {
    const entries = Object.entries(condition);
    if (entries.length !== 1) throw invalidPolicy('a condition has to name one field');
    for (const [field, value] of entries) {
      if (typeof value !== 'string') throw invalidPolicy('a condition has to compare with a text');
      rules.push({ operator: 'eq', field: field.toLowerCase(), value });
    }
  } else throw invalidPolicy('a condition is neither list nor object');
}

function parseLength(value: Json): number {
  const number = Number(value);
  if (Number.isSafeInteger(number) && number >= 0 && value !== '') return number;
  throw invalidPolicy('content-length-range takes two numbers of bytes');
}

function requireRule({ operator, field, value }: Rule, fields: ReadonlyMap<string, string>): void {
  const actual = fields.get(field) ?? '';
  const isMet =
    operator === 'eq'
      ? actual === value
      : field === 'content-type'
        ? actual.split(',').every((one) => one.startsWith(value))
        : actual.startsWith(value);
  if (isMet && (fields.has(field) || value === '')) return;
  throw refused(`Policy Condition failed: ["${operator}", "$${field}", "${value}"]`);
}

function isObject(value: Json): value is { readonly [name: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(why: string): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'form',
    message: `Invalid according to Policy: ${why}`,
  });
}

function invalidPolicy(why: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'form',
    message: `Invalid Policy: ${why}.`,
  });
}
