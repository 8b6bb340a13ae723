// Owns SimulateCustomPolicy and SimulatePrincipalPolicy: what policies would say, by the evaluator that decides requests.

import type { ContextEntry, EvaluationResult } from '@ironbark/protocol/iam/types.ts';
import { decideAccess } from '@ironbark/protocol/internal/authorization.ts';
import type { Permissions, Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { type ConditionContext, foldKey } from '@ironbark/protocol/policy/conditions.ts';
import { parseIdentityPolicy } from '@ironbark/protocol/policy/identity-document.ts';
import type { App } from '../../app/app.ts';
import { getGroup, getRole, getUser } from '../../app/iam/entities.ts';
import { entityArn } from '../../app/iam/names.ts';
import { listPolicyTexts, loadPermissions, parseKept } from '../../app/iam/permissions.ts';
import { invalidValue, notOffered, refuseParameters } from '../../app/refusals.ts';
import type { RequestContext } from '../action.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';

interface Question {
  ActionNames: string[];
  ResourceArns?: string[] | undefined;
  ContextEntries?: ContextEntry[] | undefined;
  PolicyInputList?: string[] | undefined;
  PermissionsBoundaryPolicyInputList?: string[] | undefined;
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

const NOT_OFFERED = ['ResourcePolicy', 'ResourceOwner', 'CallerArn', 'ResourceHandlingOption'];

export const SIMULATE_ACTIONS: IamHandlers<'SimulateCustomPolicy' | 'SimulatePrincipalPolicy'> = {
  SimulateCustomPolicy: async (_app, context, input) => {
    refuseParameters(input, NOT_OFFERED);
    const permissions = withInput({ identity: [] }, input);
    return simulate(context, { arn: context.principal.arn, permissions }, input);
  },
  SimulatePrincipalPolicy: async (app, context, input) => {
    refuseParameters(input, NOT_OFFERED);
    const { arn, permissions } = await loadSource(app, context, input.PolicySourceArn);
    return simulate(context, { arn, permissions: withInput(permissions, input) }, input);
  },
};

function withInput(
  { identity, boundary }: Permissions,
  { PolicyInputList = [], PermissionsBoundaryPolicyInputList = [] }: Question,
): Permissions {
  const [given] = PermissionsBoundaryPolicyInputList;
  const bounding = given === undefined ? boundary : parseIdentityPolicy(given);
  const all = [...identity, ...PolicyInputList.map(parseIdentityPolicy)];
  return bounding === undefined ? { identity: all } : { identity: all, boundary: bounding };
}

interface Source {
  arn: string;
  permissions: Permissions;
}

const SOURCE = /^arn:aws:iam::(\d{12}):(user|group|role)\/(?:.*\/)?([\w+=,.@-]+)$/;

async function loadSource(app: App, { accountId }: RequestContext, arn: string): Promise<Source> {
  const [, owner, kind, name = ''] = SOURCE.exec(arn) ?? [];
  if (owner !== accountId) {
    throw invalidValue(
      'PolicySourceArn',
      arn.slice(0, 128),
      'It is a user, group or role of this account.',
    );
  }
  const db = app.store.query;
  if (kind === 'group') {
    const group = await getGroup(db, accountId, name);
    const texts = await listPolicyTexts(db, { id: group.id, kind: 'role' });
    const identity = texts.map(({ document }) => parseKept(document));
    return { arn: entityArn('group', group), permissions: { identity } };
  }
  if (kind === 'role') {
    const role = await getRole(db, accountId, name);
    const permissions = await loadPermissions(db, { ...role, kind });
    return { arn: entityArn('role', role), permissions };
  }
  const user = await getUser(db, accountId, name);
  return { arn: user.arn, permissions: await loadPermissions(db, { ...user, kind: 'user' }) };
}

function simulate({ accountId }: RequestContext, { arn, permissions }: Source, input: Question) {
  const principal: Principal = { accountId, arn, userId: '', isRoot: false, permissions };
  const context = readContext(input.ContextEntries ?? []);
  const cases = input.ActionNames.flatMap((action) =>
    (input.ResourceArns ?? ['*']).map((resource) => ({ action, resource })),
  );
  const results = cases.map(({ action, resource }, at) => {
    if (!/^[a-z0-9-]+:[A-Za-z0-9]+$/i.test(action)) {
      throw invalidValue('ActionNames', action.slice(0, 64), 'It is service:Action.');
    }
    return { at, result: evaluate({ principal, action, resource, context }) };
  });
  const sortKey = ({ at }: { at: number }) => String(at).padStart(8, '0');
  const page = takeMarked(results, input, { action: 'SimulatePolicy', sortKey });
  return { EvaluationResults: page.items.map(({ result }) => result), ...page.markers };
}

interface Case {
  principal: Principal;
  action: string;
  resource: string;
  context: ConditionContext;
}

function evaluate({ principal, action, resource, context }: Case): EvaluationResult {
  const { accountId } = principal;
  const decision = decideAccess({
    principal,
    action,
    resource: { arn: resource, accountId },
    context,
  });
  const byBoundary =
    principal.permissions?.boundary === undefined
      ? {}
      : {
          AllowedByPermissionsBoundary: isBoundaryAllowing(principal, {
            action,
            resource,
            context,
          }),
        };
  return {
    EvalActionName: action,
    EvalResourceName: resource,
    EvalDecision:
      decision === 'allowed'
        ? 'allowed'
        : decision === 'explicitly-denied'
          ? 'explicitDeny'
          : 'implicitDeny',
    ...('AllowedByPermissionsBoundary' in byBoundary
      ? { PermissionsBoundaryDecisionDetail: byBoundary }
      : {}),
  };
}

function isBoundaryAllowing(
  { permissions, ...principal }: Principal,
  { action, resource, context }: Omit<Case, 'principal'>,
): boolean {
  const bounded = { ...principal, permissions: { identity: [permissions!.boundary!] } };
  const { accountId } = principal;
  const request = { principal: bounded, action, resource: { arn: resource, accountId }, context };
  return decideAccess(request) === 'allowed';
}

function readContext(entries: readonly ContextEntry[]): ConditionContext {
  return new Map(
    entries.map(({ ContextKeyName, ContextKeyValues = [] }) => {
      if (ContextKeyName === undefined) throw notOffered('A context entry without a name');
      return [foldKey(ContextKeyName), ContextKeyValues] as const;
    }),
  );
}
