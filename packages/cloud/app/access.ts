// Owns whether a caller may do what it asks for: every action of EC2, EBS, STS, CloudWatch and IAM is asked about here,
// once before its parameters are read, and once with what it is about.

import {
  type AccessDecision,
  decideAccess,
  mayEver,
} from '@ironbark/protocol/internal/authorization.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { type ConditionContext, foldKey } from '@ironbark/protocol/policy/conditions.ts';
import { listTagsOf } from '../store/tags.ts';
import { findAlarmResources } from './alarm-access.ts';
import type { App } from './app.ts';
import { encodeRefusal } from './authorization-messages.ts';
import { describeCallConditions, type RequestFacts, requestTags } from './call-conditions.ts';
import { describeIamResource } from './iam/iam-resources.ts';
import { findNamedResources } from './named-resources.ts';
import { refuse } from './refusals.ts';
import { type CalledResource, ec2Arn, ec2Resources, madeBy } from './resource-arns.ts';
import type { Tag } from './tags.ts';

export interface ActionAccess {
  principal: Principal;
  /** As IAM calls it. */
  service: string;
  /** AWS's name, implemented or not. */
  action: string;
}

/** Refuses whom no policy lets do this with anything: nobody else has the parameters read. */
export function authorize({ principal, service, action }: ActionAccess): void {
  const permission = `${service}:${action}`;
  if (DECIDED_BY_ACTION.has(permission) || mayEver(principal, permission)) return;
  throw refusal('no-policy-allows', { principal, permission, resource: undefined });
}

/** Who a role trusts may take it without a policy of its own: the action asks. */
const DECIDED_BY_ACTION: ReadonlySet<string> = new Set(['sts:AssumeRole']);

export interface AuthorizedCall {
  service: string;
  action: string;
  input: unknown;
}

interface Asking {
  principal: Principal;
  accountId: string;
  region: string;
  request?: RequestFacts;
}

/** Refuses unless the caller may do this with everything that the request is about. */
export async function authorizeCall(
  app: App,
  context: Asking,
  call: AuthorizedCall,
): Promise<void> {
  const { principal, region } = context;
  const permission = `${call.service}:${call.action}`;
  requireOwnKey(principal, call);
  // A root is bounded by nothing in its own account, and nothing of another one can be named here.
  if (principal.isRoot || DECIDED_BY_ACTION.has(permission)) return;
  const { request } = context;
  const facts = { ...call, region, nowMs: app.clock.nowMs(), request };
  const conditions = describeCallConditions(facts);
  for (const resource of await findResources(app, context, call)) {
    await requireAllowed(app, { principal, permission, resource, conditions });
  }
  await authorizeTagging(app, context, { ...call, conditions });
}

/** "You cannot call any IAM API operations, nor any STS API except AssumeRole or GetCallerIdentity": GetSessionToken. */
function requireOwnKey(
  { issuedAtMs, roleArn }: Principal,
  { service, action }: AuthorizedCall,
): void {
  const isOwnSession = issuedAtMs !== undefined && roleArn === undefined;
  const isSession = service === 'sts' && action === 'GetSessionToken' && issuedAtMs !== undefined;
  const isRefused =
    service === 'iam' ||
    (service === 'sts' && !['AssumeRole', 'GetCallerIdentity'].includes(action));
  if (!isSession && !(isOwnSession && isRefused)) return;
  throw refuse(
    'not-authorized',
    'action',
    `Cannot call ${service}:${action} with session credentials`,
  );
}

async function findResources(
  app: App,
  context: Asking,
  { service, action, input }: AuthorizedCall,
): Promise<CalledResource[]> {
  if (service === 'iam')
    return [{ arn: await describeIamResource(app, context, { action, input }) }];
  if (service === 'ec2') {
    const isAsked = !/^Describe/.test(action);
    const { accountId } = context;
    const { zone } = app;
    const named = isAsked
      ? await findNamedResources(app.store.query, { accountId, zone }, { action, input })
      : [];
    return ec2Resources(action, input, context, named);
  }
  if (service === 'cloudwatch')
    return await findAlarmResources(app.store.query, context, { action, input });
  if (service !== 'ebs') return [{ arn: '*' }];
  const { snapshotIds = [] } = Object(input) as { snapshotIds?: readonly string[] };
  const given = snapshotIds.map((id) => ({ id, arn: ec2Arn('snapshot', id, context) }));
  // Of a parent the new snapshot has every block that nobody writes.
  const isMade = action === 'StartSnapshot' || given.length === 0;
  return isMade ? [{ arn: ec2Arn('snapshot', '*', context) }, ...given] : given;
}

type CallWithConditions = AuthorizedCall & { conditions: ConditionContext };

/** "To create a resource with tags you need ec2:CreateTags as well": EC2 User Guide, "Granting permission to tag". */
async function authorizeTagging(
  app: App,
  context: Asking,
  call: CallWithConditions,
): Promise<void> {
  if (requestTags(call.input).length === 0) return;
  if (call.service === 'ec2') await authorizeMadeTags(app, context, call);
  if (call.service === 'cloudwatch') await authorizeAlarmTags(app, context, call);
}

/** "To use this parameter, you must have the cloudwatch:TagResource permission": API reference of PutMetricAlarm. */
async function authorizeAlarmTags(
  app: App,
  context: Asking,
  call: CallWithConditions,
): Promise<void> {
  if (call.action !== 'PutMetricAlarm') return;
  const { principal } = context;
  const { conditions } = call;
  const permission = 'cloudwatch:TagResource';
  for (const resource of await findResources(app, context, call)) {
    await requireAllowed(app, { principal, permission, resource, conditions });
  }
}

async function authorizeMadeTags(
  app: App,
  context: Asking,
  { action, input, conditions }: CallWithConditions,
): Promise<void> {
  if (action === 'CreateTags') return;
  const { TagSpecifications = [] } = Object(input) as {
    TagSpecifications?: { ResourceType?: string }[];
  };
  const words = new Set(TagSpecifications.map(({ ResourceType }) => ResourceType ?? ''));
  const withAction = new Map([...conditions, [foldKey('ec2:CreateAction'), [action]]]);
  for (const word of words.size === 0 ? madeBy(action) : words) {
    const resource = { arn: ec2Arn(word, '*', context) };
    const { principal } = context;
    const permission = 'ec2:CreateTags';
    await requireAllowed(app, { principal, permission, resource, conditions: withAction });
  }
}

export interface Allowance {
  principal: Principal;
  permission: string;
  resource: CalledResource;
  conditions: ConditionContext;
}

export async function requireAllowed(app: App, allowance: Allowance): Promise<void> {
  const { principal, permission, resource } = allowance;
  const { accountId } = principal;
  const conditions = await addResourceTags(app, allowance);
  const decision = decideAccess({
    principal,
    action: permission,
    resource: { arn: resource.arn, accountId },
    context: conditions,
  });
  if (decision === 'allowed') return;
  const encoded = await encodeRefusal(app, { ...allowance, conditions, decision });
  throw refusal(decision, { principal, permission, resource: resource.arn, encoded });
}

async function addResourceTags(
  app: App,
  { resource: { id, tags = [] }, conditions, principal }: Allowance,
): Promise<ConditionContext> {
  if (id === undefined) return new Map([...conditions, ...tags.map(resourceTag)]);
  const rows = await listTagsOf(app.store.query, id);
  const own = rows.filter(({ accountId }) => accountId === principal.accountId);
  const named = own.flatMap(({ key, value }) => [
    [foldKey(`ec2:ResourceTag/${key}`), [value]] as const,
    resourceTag({ key, value }),
  ]);
  return new Map([...conditions, ...named]);
}

function resourceTag({ key, value }: Tag): [key: string, values: string[]] {
  return [foldKey(`aws:ResourceTag/${key}`), [value]];
}

interface Refused {
  principal: Principal;
  permission: string;
  resource: string | undefined;
  encoded?: string;
}

/** "Troubleshoot access denied error messages": IAM User Guide. */
const REASONS: Readonly<
  Record<Exclude<AccessDecision, 'allowed'>, (permission: string) => string>
> = {
  'explicitly-denied': () => 'with an explicit deny in an identity-based policy',
  'no-policy-allows': (action) => `because no identity-based policy allows the ${action} action`,
  'no-boundary-allows': (action) => `because no permissions boundary allows the ${action} action`,
  'no-session-policy-allows': (action) => `because no session policy allows the ${action} action`,
  'another-account': (action) => `because no resource-based policy allows the ${action} action`,
};

export function refusal(
  decision: Exclude<AccessDecision, 'allowed'>,
  { principal, permission, resource, encoded }: Refused,
): Error {
  const where = resource === undefined || resource === '*' ? '' : ` on resource: ${resource}`;
  const sentence = `User: ${principal.arn} is not authorized to perform: ${permission}${where} ${REASONS[decision](permission)}`;
  if (!permission.startsWith('ec2:')) return refuse('not-authorized', 'action', sentence);
  const message =
    encoded === undefined ? '' : `. Encoded authorization failure message: ${encoded}`;
  const lead = 'You are not authorized to perform this operation.';
  return refuse('not-authorized', 'action', `${lead} ${sentence}${message}`);
}
