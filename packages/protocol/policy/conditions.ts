// Owns the conditions of policies: the operators, the keys that a bucket's policy may name, and whether a condition holds.
// Source: IAM User Guide, "IAM JSON policy elements: Condition operators".

import { BlockList, isIPv4, isIPv6 } from 'node:net';
import { matchesArn, matchesPattern } from './patterns.ts';

/** What is known of a request, by condition key in lower case. A key that is missing has no entry. */
export type ConditionContext = ReadonlyMap<string, readonly string[]>;

export interface ConditionTest {
  operator: string;
  key: string;
  /** With their variables replaced. */
  values: readonly string[];
}

type Compare = (expected: string, actual: string) => boolean;

interface Operator {
  compare: Compare;
  /** Holds when no value matches, and when the key is missing. */
  isNegated: boolean;
}

const equals: Compare = (expected, actual) => expected === actual;
const equalsAnyCase: Compare = (expected, actual) =>
  expected.toLowerCase() === actual.toLowerCase();
const number = (relation: (expected: number, actual: number) => boolean): Compare =>
  relationOf(Number, relation);
const date = (relation: (expected: number, actual: number) => boolean): Compare =>
  relationOf(parseTime, relation);

function relationOf(
  parse: (text: string) => number,
  relation: (expected: number, actual: number) => boolean,
): Compare {
  return (expected, actual) => {
    const [left, right] = [parse(expected), parse(actual)];
    return !Number.isNaN(left) && !Number.isNaN(right) && relation(left, right);
  };
}

function parseTime(text: string): number {
  return /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text);
}

const is = (compare: Compare): Operator => ({ compare, isNegated: false });
const isNot = (compare: Compare): Operator => ({ compare, isNegated: true });

const OPERATORS: Readonly<Record<string, Operator>> = {
  StringEquals: is(equals),
  StringNotEquals: isNot(equals),
  StringEqualsIgnoreCase: is(equalsAnyCase),
  StringNotEqualsIgnoreCase: isNot(equalsAnyCase),
  StringLike: is(matchesPattern),
  StringNotLike: isNot(matchesPattern),
  ArnEquals: is(matchesArn),
  ArnLike: is(matchesArn),
  ArnNotEquals: isNot(matchesArn),
  ArnNotLike: isNot(matchesArn),
  NumericEquals: is(number((expected, actual) => actual === expected)),
  NumericNotEquals: isNot(number((expected, actual) => actual === expected)),
  NumericLessThan: is(number((expected, actual) => actual < expected)),
  NumericLessThanEquals: is(number((expected, actual) => actual <= expected)),
  NumericGreaterThan: is(number((expected, actual) => actual > expected)),
  NumericGreaterThanEquals: is(number((expected, actual) => actual >= expected)),
  DateEquals: is(date((expected, actual) => actual === expected)),
  DateNotEquals: isNot(date((expected, actual) => actual === expected)),
  DateLessThan: is(date((expected, actual) => actual < expected)),
  DateLessThanEquals: is(date((expected, actual) => actual <= expected)),
  DateGreaterThan: is(date((expected, actual) => actual > expected)),
  DateGreaterThanEquals: is(date((expected, actual) => actual >= expected)),
  Bool: is(equalsAnyCase),
  BinaryEquals: is(equals),
  IpAddress: is(isInNetwork),
  NotIpAddress: isNot(isInNetwork),
};

interface ParsedOperator {
  quantifier: 'any' | 'all' | undefined;
  name: string;
  isOptional: boolean;
}

function parseOperator(text: string): ParsedOperator {
  const match = /^(?:For(AnyValue|AllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(text);
  const [, quantifier, name = '', suffix] = match ?? [];
  return {
    quantifier: quantifier === undefined ? undefined : quantifier === 'AnyValue' ? 'any' : 'all',
    name,
    isOptional: suffix !== undefined,
  };
}

export function isKnownOperator(text: string): boolean {
  const { name, isOptional } = parseOperator(text);
  return Object.hasOwn(OPERATORS, name) || (name === 'Null' && !isOptional);
}

/** Wildcards count in the values of these. */
export function takesPatterns(operator: string): boolean {
  return /Like|Arn/.test(operator);
}

const KNOWN_KEYS = new Set(
  [
    'aws:CurrentTime',
    'aws:EpochTime',
    'aws:PrincipalAccount',
    'aws:PrincipalArn',
    'aws:PrincipalType',
    'aws:Referer',
    'aws:SecureTransport',
    'aws:SourceAccount',
    'aws:SourceArn',
    'aws:SourceIp',
    'aws:UserAgent',
    'aws:userid',
    'aws:username',
    's3:authType',
    's3:delimiter',
    's3:if-match',
    's3:if-none-match',
    's3:LocationConstraint',
    's3:max-keys',
    's3:object-lock-legal-hold',
    's3:object-lock-mode',
    's3:object-lock-retain-until-date',
    's3:prefix',
    's3:RequestObjectTagKeys',
    's3:ResourceAccount',
    's3:signatureAge',
    's3:signatureversion',
    's3:TlsVersion',
    's3:VersionId',
    's3:x-amz-acl',
    's3:x-amz-content-sha256',
    's3:x-amz-copy-source',
    's3:x-amz-grant-full-control',
    's3:x-amz-grant-read',
    's3:x-amz-grant-read-acp',
    's3:x-amz-grant-write',
    's3:x-amz-grant-write-acp',
    's3:x-amz-metadata-directive',
    's3:x-amz-object-ownership',
    's3:x-amz-server-side-encryption',
    's3:x-amz-server-side-encryption-aws-kms-key-id',
    's3:x-amz-server-side-encryption-customer-algorithm',
    's3:x-amz-storage-class',
  ].map((key) => key.toLowerCase()),
);

export function isKnownKey(key: string): boolean {
  return KNOWN_KEYS.has(key.toLowerCase()) || /^s3:(?:Existing|Request)ObjectTag\/.+$/i.test(key);
}

/** Every condition key is looked up in any case; the names of tags are their own. */
export function foldKey(key: string): string {
  const slash = key.indexOf('/');
  return slash < 0 ? key.toLowerCase() : key.slice(0, slash).toLowerCase() + key.slice(slash);
}

export function holds(
  { operator, key, values }: ConditionTest,
  context: ConditionContext,
): boolean {
  const { quantifier, name, isOptional } = parseOperator(operator);
  const actual = context.get(foldKey(key));
  if (name === 'Null') return values.some((value) => (value === 'true') === (actual === undefined));
  const { compare, isNegated } = OPERATORS[name]!;
  if (actual === undefined || actual.length === 0) {
    // "ForAnyValue returns false if there are no matching keys in the request": IAM User Guide.
    return isOptional || quantifier === 'all' || (isNegated && quantifier !== 'any');
  }
  const matchesOne = (one: string) => {
    const isMatch = values.some((value) => compare(value, one));
    return isNegated ? !isMatch : isMatch;
  };
  if (quantifier === 'any') return actual.some(matchesOne);
  if (quantifier === 'all' || isNegated) return actual.every(matchesOne);
  return actual.some(matchesOne);
}

function isInNetwork(network: string, address: string): boolean {
  const [base = '', bits] = network.split('/');
  const kind = isIPv4(base) ? 'ipv4' : isIPv6(base) ? 'ipv6' : undefined;
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  if (kind === undefined || (isIPv4(plain) ? 'ipv4' : 'ipv6') !== kind) return false;
  const length = bits === undefined ? (kind === 'ipv4' ? 32 : 128) : Number(bits);
  if (!Number.isInteger(length) || length < 0 || length > (kind === 'ipv4' ? 32 : 128))
    return false;
  const list = new BlockList();
  list.addSubnet(base, length, kind);
  return list.check(plain, kind);
}
