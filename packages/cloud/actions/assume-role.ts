// Owns STS's AssumeRole: credentials that speak for a role, for a time.

import { foldKey } from '@ironbark/protocol/policy/conditions.ts';
import {
  countCharacters,
  POLICY_LIMITS,
  parseIdentityPolicy,
} from '@ironbark/protocol/policy/identity-document.ts';
import type { StsInput } from '@ironbark/protocol/sts/types.ts';
import type { App } from '../app/app.ts';
import { describeCallConditions } from '../app/call-conditions.ts';
import { changeFor } from '../app/change.ts';
import { checkIamTags } from '../app/iam/iam-tags.ts';
import { findDocument, requireAttachable } from '../app/iam/managed-policies.ts';
import { entityArn } from '../app/iam/names.ts';
import { mayTakeRole } from '../app/iam/role-trust.ts';
import { checkDuration, issueRoleSession, renderCredentials } from '../app/iam/sessions.ts';
import { invalidValue, refuse, refuseParameters } from '../app/refusals.ts';
import { findNamed } from '../store/iam-names.ts';
import type { RoleTable } from '../store/iam-schema.ts';
import type { Queries } from '../store/store.ts';
import type { RequestContext } from './action.ts';
import type { StsHandler } from './sts-handler.ts';

type Input = StsInput<'AssumeRole'>;

const NOT_OFFERED = [
  'SerialNumber',
  'TokenCode',
  'SourceIdentity',
  'ProvidedContexts',
  'TransitiveTagKeys',
];
const DEFAULT_SECONDS = 3_600;
/** "Role chaining limits your session to a maximum of one hour." */
const CHAINED_SECONDS = 3_600;
const MAX_POLICY_ARNS = 10;
/** "You can pass up to 50 session tags." */
const MAX_TAGS = 50;

export const assumeRole: StsHandler<'AssumeRole'> = async (app, context, input) => {
  refuseParameters(input, NOT_OFFERED);
  const { RoleSessionName: sessionName } = input;
  if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) {
    const expected = 'It has 2 to 64 letters, digits and + = , . @ _ -';
    throw invalidValue('RoleSessionName', sessionName.slice(0, 80), expected);
  }
  const given = input.Tags ?? [];
  if (given.length > MAX_TAGS) {
    throw invalidValue('Tags', given.length, `There may be ${MAX_TAGS}.`);
  }
  checkIamTags(given);
  return await changeFor(app, context, async (change) => {
    const role = await requireTrusted(app, change.tx, context, input);
    const policies = await readPolicies(change.tx, role.accountId, input);
    const isChained = context.principal.roleArn !== undefined;
    const longest = isChained ? CHAINED_SECONDS : role.maxSessionSeconds;
    const durationSeconds = checkDuration(input.DurationSeconds ?? DEFAULT_SECONDS, longest);
    const tags = Object.fromEntries(given.map(({ Key, Value }) => [Key!, Value!]));
    const wish = { sessionName, durationSeconds, policies, tags };
    const session = await issueRoleSession(app, change, role, wish);
    return {
      Credentials: renderCredentials(session),
      AssumedRoleUser: {
        AssumedRoleId: `${role.id}:${sessionName}`,
        Arn: `arn:aws:sts::${role.accountId}:assumed-role/${role.name}/${sessionName}`,
      },
      ...(policies === undefined ? {} : { PackedPolicySize: packedSize(policies) }),
    };
  });
};

/** A role that is not there is refused as one that does not trust the caller. */
async function requireTrusted(
  app: App,
  tx: Queries,
  { principal, region, request }: RequestContext,
  input: Input,
): Promise<RoleTable> {
  if (principal.isRoot) throw denied('Roles may not be assumed by root accounts.');
  const role = await findRole(tx, input.RoleArn);
  const facts = { service: 'sts', input, region, nowMs: app.clock.nowMs(), request };
  const conditions = new Map(describeCallConditions(facts));
  const { ExternalId, RoleSessionName } = input;
  if (ExternalId !== undefined) conditions.set(foldKey('sts:ExternalId'), [ExternalId]);
  conditions.set(foldKey('sts:RoleSessionName'), [RoleSessionName]);
  const actions = ['sts:AssumeRole', ...((input.Tags ?? []).length > 0 ? ['sts:TagSession'] : [])];
  for (const action of actions) {
    if (role !== undefined && mayTakeRole({ principal, role, action, conditions })) continue;
    throw denied(
      `User: ${principal.arn} is not authorized to perform: ${action} on resource: ${input.RoleArn.slice(0, 256)}`,
    );
  }
  return role!;
}

async function findRole(tx: Queries, arn: string): Promise<RoleTable | undefined> {
  const [, accountId = '', name = ''] =
    /^arn:aws:iam::(\d{12}):role\/(?:.*\/)?([^/]+)$/.exec(arn) ?? [];
  const role = await findNamed(tx, 'role', { accountId, name });
  return role !== undefined && entityArn('role', role) === arn ? role : undefined;
}

async function readPolicies(
  tx: Queries,
  accountId: string,
  { Policy, PolicyArns = [] }: Input,
): Promise<string[] | undefined> {
  if (Policy === undefined && PolicyArns.length === 0) return undefined;
  if (PolicyArns.length > MAX_POLICY_ARNS) {
    throw invalidValue('PolicyArns', PolicyArns.length, `There may be ${MAX_POLICY_ARNS}.`);
  }
  const texts = Policy === undefined ? [] : [Policy];
  for (const { arn = '' } of PolicyArns) {
    await requireAttachable(tx, accountId, arn);
    texts.push((await findDocument(tx, arn))!);
  }
  for (const text of texts) parseIdentityPolicy(text);
  if (Policy !== undefined && countCharacters(Policy) > POLICY_LIMITS.session) {
    throw refuse(
      'too-large',
      'policy',
      `A session policy has up to ${POLICY_LIMITS.session} characters.`,
    );
  }
  // White space is not counted, and is not kept.
  return texts.map((text) => JSON.stringify(JSON.parse(text)));
}

/** Percent of what there is room for. */
function packedSize(policies: readonly string[]): number {
  const characters = policies.reduce((sum, text) => sum + countCharacters(text), 0);
  const room = POLICY_LIMITS.session + MAX_POLICY_ARNS * POLICY_LIMITS.managed;
  return Math.ceil((100 * characters) / room);
}

function denied(message: string): Error {
  return refuse('not-authorized', 'action', message);
}
