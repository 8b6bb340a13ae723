import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { foldKey } from './conditions.ts';
import { parseBucketPolicy } from './document.ts';
import { evaluatePolicy, isPublicPolicy } from './evaluate.ts';
import { matchesPattern } from './patterns.ts';

function policy(...statements: object[]) {
  const all = statements.map((more) => ({
    ...{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::b/*' },
    ...more,
  }));
  return parseBucketPolicy(JSON.stringify({ Version: '2012-10-17', Statement: all }), 'b');
}

const root = (accountId: string) => ({
  accountId,
  arn: `arn:aws:iam::${accountId}:root`,
  userId: accountId,
  isRoot: true,
});
const USER = { ...root('000000000001'), arn: 'arn:aws:iam::000000000001:user/u', isRoot: false };

function verdict(
  document: ReturnType<typeof policy>,
  more: object = {},
  keys: object = {},
): string {
  const context = new Map(
    Object.entries(keys).map(([key, value]) => [foldKey(key), [String(value)]] as const),
  );
  const question = { principal: undefined, action: 's3:GetObject', resource: 'arn:aws:s3:::b/k' };
  return evaluatePolicy(document, { ...question, ...more, context });
}

test('wildcards are those of a regular expression, whatever the text', () => {
  const part = fc.constantFrom('a', 'b', '*', '?', '.');
  const property = fc.property(
    fc.array(part, { maxLength: 8 }),
    fc.string({ unit: fc.constantFrom('a', 'b', '.'), maxLength: 10 }),
    (parts, text) => {
      const source = parts
        .map((one) => (one === '*' ? '.*' : one === '?' ? '.' : one === '.' ? '\\.' : one))
        .join('');
      assert.equal(matchesPattern(parts.join(''), text), new RegExp(`^${source}$`, 's').test(text));
    },
  );
  fc.assert(property, { numRuns: 2_000 });
});

test('a pattern made to take long does not', () => {
  assert.equal(matchesPattern('*a'.repeat(500), 'a'.repeat(499)), false);
  assert.equal(matchesPattern('*a'.repeat(500), 'ab'.repeat(5_000)), false);
});

test('a denial wins, and what nothing is said of is silent', () => {
  const both = policy({}, { Effect: 'Deny', Resource: 'arn:aws:s3:::b/secret/*' });
  assert.equal(verdict(both), 'allow');
  assert.equal(verdict(both, { resource: 'arn:aws:s3:::b/secret/k' }), 'deny');
  assert.equal(verdict(both, { action: 's3:PutObject' }), 'silent');
  assert.equal(verdict(policy({ NotAction: 's3:Get*', Action: undefined })), 'silent');
});

test('an account stands for its root where something is given, and for all its users where it is denied', () => {
  const Principal = { AWS: '000000000001' };
  assert.equal(verdict(policy({ Principal }), { principal: root('000000000001') }), 'allow');
  assert.equal(verdict(policy({ Principal }), { principal: USER }), 'silent');
  assert.equal(verdict(policy({ Principal, Effect: 'Deny' }), { principal: USER }), 'deny');
  assert.equal(verdict(policy({ Principal }), { principal: root('000000000002') }), 'silent');
  const others = policy({ NotPrincipal: Principal, Principal: undefined, Effect: 'Deny' });
  assert.equal(verdict(others, { principal: root('000000000002') }), 'deny');
  assert.equal(verdict(others, { principal: USER }), 'silent');
});

const CONDITIONS: readonly [object, object, 'allow' | 'silent'][] = [
  [{ StringEquals: { 's3:prefix': 'a' } }, { 's3:prefix': 'a' }, 'allow'],
  [{ StringEquals: { 's3:prefix': 'a' } }, {}, 'silent'],
  [{ StringEqualsIfExists: { 's3:prefix': 'a' } }, {}, 'allow'],
  [{ StringNotEquals: { 's3:prefix': 'a' } }, {}, 'allow'],
  [{ StringNotEquals: { 's3:prefix': ['a', 'b'] } }, { 's3:prefix': 'b' }, 'silent'],
  [{ StringLike: { 's3:prefix': 'a/*' } }, { 's3:prefix': 'a/b' }, 'allow'],
  [{ NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': 10 }, 'allow'],
  [{ NumericLessThanEquals: { 's3:max-keys': '10' } }, { 's3:max-keys': 'x' }, 'silent'],
  [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:SourceIp': '10.1.2.3' }, 'allow'],
  [{ IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:SourceIp': '::ffff:10.1.2.3' }, 'allow'],
  [{ NotIpAddress: { 'aws:SourceIp': '10.0.0.0/8' } }, { 'aws:SourceIp': '10.1.2.3' }, 'silent'],
  [{ Bool: { 'aws:SecureTransport': 'true' } }, { 'aws:SecureTransport': false }, 'silent'],
  [{ Null: { 's3:x-amz-acl': 'true' } }, {}, 'allow'],
  [{ Null: { 's3:x-amz-acl': 'true' } }, { 's3:x-amz-acl': 'private' }, 'silent'],
  [
    { DateLessThan: { 'aws:CurrentTime': '2030-01-01T00:00:00Z' } },
    { 'aws:CurrentTime': '2029-01-01T00:00:00Z' },
    'allow',
  ],
  [
    { StringEquals: { 's3:ExistingObjectTag/Case': 'x' } },
    { 's3:ExistingObjectTag/Case': 'x' },
    'allow',
  ],
  [
    { StringEquals: { 's3:ExistingObjectTag/case': 'x' } },
    { 's3:ExistingObjectTag/Case': 'x' },
    'silent',
  ],
];

test('each kind of condition holds when it should, and only then', () => {
  for (const [Condition, keys, expected] of CONDITIONS) {
    assert.equal(
      verdict(policy({ Condition }), {}, keys),
      expected,
      JSON.stringify([Condition, keys]),
    );
  }
});

test('variables stand for what the request has, and match nothing where it has none', () => {
  const home = policy({ Resource: 'arn:aws:s3:::b/home/${aws:username}/*' });
  const resource = 'arn:aws:s3:::b/home/u/k';
  assert.equal(verdict(home, { resource }, { 'aws:username': 'u' }), 'allow');
  assert.equal(verdict(home, { resource }, { 'aws:username': 'v' }), 'silent');
  assert.equal(verdict(home, { resource }), 'silent');
});

test('a policy is public when it allows everybody without a fixed source', () => {
  assert.equal(isPublicPolicy(policy({})), true);
  assert.equal(isPublicPolicy(policy({ Effect: 'Deny' })), false);
  assert.equal(isPublicPolicy(policy({ Principal: { AWS: '000000000001' } })), false);
  const from = (address: string) =>
    policy({ Condition: { IpAddress: { 'aws:SourceIp': address } } });
  assert.equal(isPublicPolicy(from('10.1.0.0/16')), false);
  assert.equal(isPublicPolicy(from('0.0.0.0/0')), true);
  assert.equal(isPublicPolicy(policy({ Condition: { StringLike: { 'aws:Referer': 'x' } } })), true);
});
