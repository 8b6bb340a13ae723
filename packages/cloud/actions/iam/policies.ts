// Owns the actions on managed policies and their versions.

import { changeFor } from '../../app/change.ts';
import { AWS_POLICIES, AWS_POLICY_TIME_MS } from '../../app/iam/aws-policies.ts';
import { noSuch, shown } from '../../app/iam/entities.ts';
import { setIamTags } from '../../app/iam/iam-tags.ts';
import {
  addPolicy,
  addVersion,
  getOwnPolicy,
  getVersion,
  removePolicy,
  removeVersion,
} from '../../app/iam/managed-policies.ts';
import { isBelow } from '../../app/iam/names.ts';
import { findById, listNamed, updateNamed } from '../../store/iam-names.ts';
import type { ManagedPolicyTable } from '../../store/iam-schema.ts';
import { listIamTags } from '../../store/iam-tags.ts';
import {
  countAttachments,
  findPolicyByArn,
  listBounded,
  listHolders,
  listVersions,
} from '../../store/policies.ts';
import type { Queries } from '../../store/store.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';
import { encodeDocument, renderPolicy, renderTags, renderVersion } from './render-entities.ts';

export const POLICY_ACTIONS: IamHandlers<
  | 'CreatePolicy'
  | 'GetPolicy'
  | 'ListPolicies'
  | 'DeletePolicy'
  | 'CreatePolicyVersion'
  | 'GetPolicyVersion'
  | 'ListPolicyVersions'
  | 'SetDefaultPolicyVersion'
  | 'DeletePolicyVersion'
  | 'ListEntitiesForPolicy'
> = {
  CreatePolicy: (app, context, input) =>
    changeFor(app, context, async (change) => {
      const policy = await addPolicy(app, context.accountId, change, {
        name: input.PolicyName,
        path: input.Path,
        description: input.Description,
        document: input.PolicyDocument,
      });
      await setIamTags(change.tx, policy, input.Tags);
      const Policy = renderPolicy(policy, { attached: 0, bounding: 0 });
      const { Description: _description, ...shownPolicy } = Policy;
      return { Policy: { ...shownPolicy, Tags: input.Tags ?? [] } };
    }),
  GetPolicy: async (app, { accountId }, { PolicyArn }) => {
    const db = app.store.query;
    const policy = await getAnyPolicy(db, accountId, PolicyArn);
    const counts = {
      attached: (await listHolders(db, accountId, PolicyArn)).length,
      bounding: (await listBounded(db, accountId, PolicyArn)).length,
    };
    const Tags = renderTags(await listIamTags(db, policy.id));
    return { Policy: { ...renderPolicy(policy, counts), Tags } };
  },
  ListPolicies: async (app, { accountId }, input) => {
    const db = app.store.query;
    const counts = await countAttachments(db, accountId);
    const all = [
      ...(input.Scope === 'AWS' ? [] : await listNamed(db, 'managedPolicy', accountId)),
      ...(input.Scope === 'Local' ? [] : [...AWS_POLICIES.keys()].map(awsPolicy)),
    ];
    const bounding = new Map<string, number>();
    for (const { arn } of all) bounding.set(arn, (await listBounded(db, accountId, arn)).length);
    const usage = input.PolicyUsageFilter === 'PermissionsBoundary' ? bounding : counts;
    const isWanted = ({ arn }: ManagedPolicyTable) =>
      (input.OnlyAttached !== true || (counts.get(arn) ?? 0) > 0) &&
      (input.PolicyUsageFilter === undefined || (usage.get(arn) ?? 0) > 0);
    const found = all.filter(isBelow(input.PathPrefix)).filter(isWanted);
    const sortKey = ({ arn }: ManagedPolicyTable) => arn;
    const page = takeMarked(found, input, { action: 'ListPolicies', sortKey });
    const Policies = page.items.map((policy) => {
      const attached = counts.get(policy.arn) ?? 0;
      const plain = { ...policy, description: null };
      return renderPolicy(plain, { attached, bounding: bounding.get(policy.arn) ?? 0 });
    });
    return { Policies, ...page.markers };
  },
  DeletePolicy: (app, context, { PolicyArn }) =>
    changeFor(app, context, async (change) => {
      await removePolicy(change, await getOwnPolicy(change.tx, context.accountId, PolicyArn));
      return {};
    }),
  CreatePolicyVersion: (app, context, input) =>
    changeFor(app, context, async (change) => {
      const policy = await getOwnPolicy(change.tx, context.accountId, input.PolicyArn);
      const isDefault = input.SetAsDefault === true;
      const wish = { document: input.PolicyDocument, isDefault };
      const row = await addVersion(change, policy, wish);
      const { VersionId, CreateDate } = renderVersion(row, policy);
      return { PolicyVersion: { VersionId, IsDefaultVersion: isDefault, CreateDate } };
    }),
  GetPolicyVersion: async (app, { accountId }, { PolicyArn, VersionId }) => {
    const policy = await getAnyPolicy(app.store.query, accountId, PolicyArn);
    const aws = AWS_POLICIES.get(PolicyArn);
    const row =
      aws !== undefined && VersionId === 'v1'
        ? versionOfAws(policy, aws.document)
        : await getVersion(app.store.query, policy, VersionId);
    const Document = encodeDocument(row.document);
    return { PolicyVersion: { Document, ...renderVersion(row, policy) } };
  },
  ListPolicyVersions: async (app, { accountId }, input) => {
    const policy = await getAnyPolicy(app.store.query, accountId, input.PolicyArn);
    const aws = AWS_POLICIES.get(input.PolicyArn);
    const rows =
      aws === undefined
        ? await listVersions(app.store.query, policy.id)
        : [versionOfAws(policy, aws.document)];
    const sortKey = ({ version }: { version: number }) => String(1e9 - version).padStart(10, '0');
    const page = takeMarked(rows, input, { action: 'ListPolicyVersions', sortKey });
    return { Versions: page.items.map((row) => renderVersion(row, policy)), ...page.markers };
  },
  SetDefaultPolicyVersion: (app, context, input) =>
    changeFor(app, context, async ({ tx, nowMs }) => {
      const policy = await getOwnPolicy(tx, context.accountId, input.PolicyArn);
      const { version } = await getVersion(tx, policy, input.VersionId);
      const changes = { defaultVersion: version, updatedAt: nowMs };
      await updateNamed(tx, 'managedPolicy', { id: policy.id, ...changes });
      return {};
    }),
  DeletePolicyVersion: (app, context, input) =>
    changeFor(app, context, async (change) => {
      const policy = await getOwnPolicy(change.tx, context.accountId, input.PolicyArn);
      await removeVersion(change, policy, input.VersionId);
      return {};
    }),
  ListEntitiesForPolicy: async (app, { accountId }, input) => {
    const db = app.store.query;
    await getAnyPolicy(db, accountId, input.PolicyArn);
    const found = await findEntities(db, accountId, input);
    const sortKey = ({ kind, name }: Entity) => `${kind}/${name}`;
    const page = takeMarked(found, input, { action: 'ListEntitiesForPolicy', sortKey });
    const of = (kind: Entity['kind']) => page.items.filter((one) => one.kind === kind);
    return {
      PolicyGroups: of('group').map(({ id, name }) => ({ GroupName: name, GroupId: id })),
      PolicyUsers: of('user').map(({ id, name }) => ({ UserName: name, UserId: id })),
      PolicyRoles: of('role').map(({ id, name }) => ({ RoleName: name, RoleId: id })),
      ...page.markers,
    };
  },
};

interface Entity {
  id: string;
  name: string;
  kind: 'user' | 'group' | 'role';
}

interface EntityQuestion {
  PolicyArn: string;
  EntityFilter?: string | undefined;
  PathPrefix?: string | undefined;
  PolicyUsageFilter?: string | undefined;
}

const FILTERS: Readonly<Record<string, Entity['kind']>> = {
  User: 'user',
  Role: 'role',
  Group: 'group',
};
const KINDS = { user: 'user', role: 'role', group: 'iamGroup' } as const;

async function findEntities(
  db: Queries,
  accountId: string,
  { PolicyArn, EntityFilter, PathPrefix, PolicyUsageFilter }: EntityQuestion,
): Promise<Entity[]> {
  const attached = await listHolders(db, accountId, PolicyArn);
  const bounded = await listBounded(db, accountId, PolicyArn);
  const named = [
    ...(PolicyUsageFilter === 'PermissionsBoundary'
      ? []
      : attached.map((one) => ({ id: one.holderId, kind: one.holderKind }))),
    ...(PolicyUsageFilter === 'PermissionsPolicy' ? [] : bounded),
  ];
  const kind = FILTERS[EntityFilter ?? ''];
  const found = new Map<string, Entity>();
  for (const one of named) {
    const row = await findById(db, KINDS[one.kind], one.id);
    const isWanted = kind === undefined || kind === one.kind;
    if (row === undefined || !isWanted || !isBelow(PathPrefix)(row)) continue;
    found.set(row.id, { id: row.id, name: row.name, kind: one.kind });
  }
  return EntityFilter === 'LocalManagedPolicy' || EntityFilter === 'AWSManagedPolicy'
    ? []
    : [...found.values()];
}

async function getAnyPolicy(
  db: Queries,
  accountId: string,
  arn: string,
): Promise<ManagedPolicyTable> {
  if (AWS_POLICIES.has(arn)) return awsPolicy(arn);
  const policy = await findPolicyByArn(db, arn);
  if (policy?.accountId === accountId) return policy;
  throw noSuch(`Policy ${shown(arn)} was not found.`);
}

export function awsPolicy(arn: string): ManagedPolicyTable {
  const { document: _document, ...policy } = AWS_POLICIES.get(arn)!;
  const times = { createdAt: AWS_POLICY_TIME_MS, updatedAt: AWS_POLICY_TIME_MS };
  return { ...policy, accountId: 'aws', defaultVersion: 1, lastVersion: 1, ...times };
}

export function versionOfAws({ id }: ManagedPolicyTable, document: string) {
  return { policyId: id, version: 1, document, createdAt: AWS_POLICY_TIME_MS };
}
