import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type AccessDecision, decideAccess } from '../internal/authorization.ts';
import type { Permissions, Principal } from '../internal/identity-client.ts';
import { foldKey } from './conditions.ts';
import { parseIdentityPolicy, parseTrustPolicy } from './identity-document.ts';

const SEED = 20_261_123;
const ACCOUNT = '000000000001';
const USER: Principal = {
  accountId: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/ann`,
  userId: 'AIDAANN',
  isRoot: false,
};

interface Rule {
  Effect: 'Allow' | 'Deny';
  Action?: string[];
  NotAction?: string[];
  Resource?: string[];
  NotResource?: string[];
  Condition?: Record<string, Record<string, string[]>>;
}
type Rules = Rule[];

interface Asked {
  action: string;
  resource: string;
  context: Record<string, string[]>;
}

/** The obvious way: every rule as a sentence, patterns as regular expressions, nothing clever, nothing shared. */
function slowDecision(
  asked: Asked,
  policies: { identity: Rules[]; boundary: Rules | undefined; session: Rules[] | undefined },
): AccessDecision {
  const { identity, boundary, session } = policies;
  const all = [...identity, ...(boundary === undefined ? [] : [boundary]), ...(session ?? [])];
  const applies = (effect: Rule['Effect']) => (rules: Rules) =>
    rules.some((rule) => rule.Effect === effect && ruleApplies(rule, asked));
  if (all.some(applies('Deny'))) return 'explicitly-denied';
  if (!identity.some(applies('Allow'))) return 'no-policy-allows';
  if (boundary !== undefined && !applies('Allow')(boundary)) return 'no-boundary-allows';
  if (session !== undefined && !session.some(applies('Allow'))) return 'no-session-policy-allows';
  return 'allowed';
}

function ruleApplies(rule: Rule, asked: Asked): boolean {
  const known: Record<string, string[]> = { ...asked.context, 'aws:username': ['ann'] };
  if (rule.Action && !rule.Action.some((one) => slowMatch(one, asked.action, 'i'))) return false;
  if (rule.NotAction?.some((one) => slowMatch(one, asked.action, 'i'))) return false;
  const isResource = (one: string) => {
    const [full] = substitute(one, known, true);
    return full !== undefined && new RegExp(`^${full}$`, 's').test(asked.resource);
  };
  if (rule.Resource && !rule.Resource.some(isResource)) return false;
  if (rule.NotResource?.some(isResource)) return false;
  for (const [operator, keys] of Object.entries(rule.Condition ?? {})) {
    for (const [key, values] of Object.entries(keys)) {
      if (!slowCondition(operator, known[key], values, known)) return false;
    }
  }
  return true;
}

function slowMatch(pattern: string, text: string, flags: string): boolean {
  return new RegExp(`^${toSource(pattern)}$`, `s${flags}`).test(text);
}

function toSource(pattern: string): string {
  return [...pattern].map((one) => (one === '*' ? '.*' : one === '?' ? '.' : quote(one))).join('');
}

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** As the source of a regular expression, or as it is. Nothing where a variable has no value. */
function substitute(
  text: string,
  known: Record<string, string[]>,
  isPattern: boolean,
): [string] | [] {
  let result = '';
  for (const piece of text.split(/(\$\{[^}]*\})/)) {
    if (!piece.startsWith('${')) result += isPattern ? toSource(piece) : piece;
    else {
      const name = piece.slice(2, -1);
      const values = name === '*' ? ['*'] : (known[name] ?? []);
      if (values.length !== 1) return [];
      result += isPattern ? quote(values[0]!) : values[0]!;
    }
  }
  return [result];
}

function slowCondition(
  operator: string,
  actual: string[] | undefined,
  wanted: string[],
  known: Record<string, string[]>,
): boolean {
  const set = /^For(Any|All)/.exec(operator)?.[1];
  const plain = operator.replace(/^For(?:AnyValue|AllValues):/, '');
  const isOptional = plain.endsWith('IfExists');
  const name = plain.replace(/IfExists$/, '');
  if (name === 'Null') return wanted.includes(String(actual === undefined));
  const isNot = name.includes('Not');
  if (actual === undefined) return isOptional || set === 'All' || (isNot && set !== 'Any');
  const isLike = name.includes('Like');
  const matches = (one: string) =>
    wanted.some((value) => {
      const [full] = substitute(value, known, isLike);
      if (full === undefined) return false;
      if (isLike) return new RegExp(`^${full}$`, 's').test(one);
      if (name.startsWith('Numeric')) return Number(one) < Number(full);
      if (name.includes('IgnoreCase')) return full.toLowerCase() === one.toLowerCase();
      return full === one;
    });
  const holds = (one: string) => matches(one) !== isNot;
  if (set === 'Any') return actual.some(holds);
  if (set === 'All' || isNot) return actual.every(holds);
  return actual.some(holds);
}

const ACTIONS = ['ec2:RunInstances', 'ec2:StopInstances', 'iam:GetUser', 's3:GetObject'];
const PATTERNS = [
  '*',
  'ec2:*',
  'EC2:stop*',
  's3:Get?bject',
  'iam:GetUser',
  'ec2:RunInstances',
  '*:*',
];
const RESOURCES = [
  'arn:aws:ec2:r:1:instance/i-1',
  'arn:aws:ec2:r:1:volume/v*',
  'arn:aws:s3:::b/ann/x',
  'arn:aws:s3:::b/bob/x',
  '*',
];
const RESOURCE_PATTERNS = [
  '*',
  'arn:aws:ec2:*:*:instance/*',
  'arn:aws:ec2:r:1:volume/v${*}',
  'arn:aws:s3:::b/${aws:username}/*',
  'arn:aws:s3:::b/${aws:PrincipalTag/team}/?',
  'arn:aws:s3:::b/b?b/*',
];
const KEYS = ['aws:RequestTag/team', 'ec2:InstanceType', 'aws:TagKeys', 'ec2:VolumeSize'];
const VALUES = [
  'a',
  'A',
  'b',
  'ab',
  '5',
  '12',
  'a*',
  '${aws:username}',
  'ann',
  '${ec2:InstanceType}',
];
const OPERATORS = [
  'StringEquals',
  'StringNotEquals',
  'StringEqualsIgnoreCase',
  'StringLike',
  'StringNotLike',
  'StringEqualsIfExists',
  'StringNotLikeIfExists',
  'NumericLessThan',
  'ForAnyValue:StringEquals',
  'ForAllValues:StringLike',
  'ForAnyValue:StringNotEquals',
  'ForAllValues:StringNotLike',
];

const some = (values: readonly string[]) =>
  fc.array(fc.constantFrom(...values), { minLength: 1, maxLength: 2 });
const condition = fc.oneof(
  fc.dictionary(
    fc.constantFrom(...OPERATORS),
    fc.dictionary(fc.constantFrom(...KEYS), some(VALUES), { maxKeys: 2 }),
    { maxKeys: 2 },
  ),
  fc.record({
    Null: fc.dictionary(fc.constantFrom(...KEYS), some(['true', 'false']), { maxKeys: 1 }),
  }),
);
const rule: fc.Arbitrary<Rule> = fc
  .tuple(
    fc.constantFrom('Allow' as const, 'Allow' as const, 'Deny' as const),
    fc.boolean(),
    some(PATTERNS),
    fc.boolean(),
    some(RESOURCE_PATTERNS),
    fc.option(condition, { nil: undefined }),
  )
  .map(([Effect, isNotAction, actions, isNotResource, resources, Condition]) => ({
    Effect,
    ...(isNotAction ? { NotAction: actions } : { Action: actions }),
    ...(isNotResource ? { NotResource: resources } : { Resource: resources }),
    ...(Condition === undefined ? {} : { Condition }),
  }));
const rules = fc.array(rule, { minLength: 1, maxLength: 3 });
const asked: fc.Arbitrary<Asked> = fc.record({
  action: fc.constantFrom(...ACTIONS),
  resource: fc.constantFrom(...RESOURCES),
  context: fc.dictionary(
    fc.constantFrom(...KEYS),
    some(['a', 'A', 'b', 'ab', '5', '12', 'ann', '*']),
    { maxKeys: 3 },
  ),
});
const policies = fc.record({
  identity: fc.array(rules, { maxLength: 2 }),
  boundary: fc.option(rules, { nil: undefined }),
  session: fc.option(fc.array(rules, { minLength: 1, maxLength: 2 }), { nil: undefined }),
});

const parse = (list: Rules) =>
  parseIdentityPolicy(JSON.stringify({ Version: '2012-10-17', Statement: list }));

test(`random policies decide as a slow evaluator says (seed ${SEED})`, () => {
  const seen = new Set<AccessDecision>();
  const property = fc.property(asked, policies, (request, given) => {
    const { identity, boundary, session } = given;
    const permissions: Permissions = {
      identity: identity.map(parse),
      ...(boundary === undefined ? {} : { boundary: parse(boundary) }),
      ...(session === undefined ? {} : { session: session.map(parse) }),
    };
    const { action, resource } = request;
    const context = new Map(
      Object.entries(request.context).map(([key, values]) => [foldKey(key), values] as const),
    );
    const principal = { ...USER, permissions };
    const decision = decideAccess({
      principal,
      action,
      resource: { arn: resource, accountId: ACCOUNT },
      context,
    });
    seen.add(decision);
    assert.equal(decision, slowDecision(request, given));
  });
  fc.assert(property, { numRuns: 1_500, seed: SEED });
  assert.equal(seen.size, 5, `the policies only came to ${[...seen]}`);
});

test('a wildcard that comes from the request is no wildcard', () => {
  const policy = parse([
    {
      Effect: 'Allow',
      Action: ['s3:GetObject'],
      Resource: ['arn:aws:s3:::b/${aws:PrincipalTag/team}/*'],
    },
  ]);
  const decide = (team: string, arn: string) =>
    decideAccess({
      principal: { ...USER, tags: { team }, permissions: { identity: [policy] } },
      action: 's3:GetObject',
      resource: { arn, accountId: ACCOUNT },
      context: new Map(),
    });
  assert.equal(decide('red', 'arn:aws:s3:::b/red/x'), 'allowed');
  assert.equal(decide('*', 'arn:aws:s3:::b/red/x'), 'no-policy-allows');
  assert.equal(decide('*', 'arn:aws:s3:::b/*/x'), 'allowed');
});

test('nobody says of itself who it is: what the request brings under those keys does not count', () => {
  const policy = parse([
    {
      Effect: 'Allow',
      Action: ['*'],
      Resource: ['*'],
      Condition: { StringEquals: { 'aws:username': ['bob'] } },
    },
  ]);
  const decision = decideAccess({
    principal: { ...USER, permissions: { identity: [policy] } },
    action: 'ec2:RunInstances',
    resource: { arn: '*', accountId: ACCOUNT },
    context: new Map([['aws:username', ['bob']]]),
  });
  assert.equal(decision, 'no-policy-allows');
});

const BAD_POLICIES: readonly unknown[] = [
  {},
  [],
  'x',
  { Statement: [] },
  { Statement: [{ Effect: 'Allow', Action: '*' }] },
  { Statement: [{ Effect: 'allow', Action: '*', Resource: '*' }] },
  { Statement: [{ Effect: 'Allow', Action: 'RunInstances', Resource: '*' }] },
  { Statement: [{ Effect: 'Allow', Action: '*', Resource: 'i-1' }] },
  { Statement: [{ Effect: 'Allow', Action: '*', Resource: '*', Principal: '*' }] },
  { Statement: [{ Effect: 'Allow', Action: '*', NotAction: '*', Resource: '*' }] },
  {
    Statement: [
      { Effect: 'Allow', Action: '*', Resource: '*', Condition: { Equals: { 'a:b': '1' } } },
    ],
  },
  {
    Statement: [
      { Effect: 'Allow', Action: '*', Resource: '*', Condition: { StringEquals: { b: '1' } } },
    ],
  },
  { Version: '2020-01-01', Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }] },
  { Statement: [{ Sid: 'a b', Effect: 'Allow', Action: '*', Resource: '*' }] },
];

test('a document that would not have the effect that it says is refused', () => {
  for (const document of BAD_POLICIES) {
    const text = JSON.stringify(document);
    assert.throws(() => parseIdentityPolicy(text), { kind: 'malformed-input' }, text);
  }
  const trust = (more: object) =>
    JSON.stringify({ Statement: [{ Effect: 'Allow', Action: 'sts:AssumeRole', ...more }] });
  for (const more of [{}, { Principal: { AWS: 'x' } }, { Principal: '*', Resource: '*' }]) {
    assert.throws(() => parseTrustPolicy(trust(more)), { kind: 'malformed-input' });
  }
  parseTrustPolicy(trust({ Principal: { Service: 'ec2.amazonaws.com' } }));
});

test('parsing and deciding over any text ends in an answer or a refusal', () => {
  const property = fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
    try {
      const identity = [parseIdentityPolicy(text)];
      decideAccess({
        principal: { ...USER, permissions: { identity } },
        action: 'ec2:RunInstances',
        resource: { arn: '*', accountId: ACCOUNT },
        context: new Map(),
      });
    } catch (error) {
      assert.equal((error as { kind?: string }).kind, 'malformed-input');
    }
  });
  fc.assert(property, { numRuns: 500, seed: SEED });
});
