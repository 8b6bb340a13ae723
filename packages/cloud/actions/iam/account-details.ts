// Owns the one answer about all of an account's users, groups, roles and policies, page by page.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { IamOutput } from '@ironbark/protocol/iam/types.ts';
import { AWS_POLICIES } from '../../app/iam/aws-policies.ts';
import { showTrust } from '../../app/iam/trust-principals.ts';
import type { UserTable } from '../../store/account-schema.ts';
import { listGroupsOf } from '../../store/group-members.ts';
import { listNamed } from '../../store/iam-names.ts';
import type { GroupTable, ManagedPolicyTable, RoleTable } from '../../store/iam-schema.ts';
import { listIamTags } from '../../store/iam-tags.ts';
import { listProfilesOfRole } from '../../store/instance-profiles.ts';
import {
  countAttachments,
  listAttachments,
  listBounded,
  listInline,
  listVersions,
} from '../../store/policies.ts';
import type { Queries } from '../../store/store.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';
import { awsPolicy, versionOfAws } from './policies.ts';
import {
  encodeDocument,
  renderGroup,
  renderPolicy,
  renderProfile,
  renderRole,
  renderUser,
  renderVersion,
} from './render-entities.ts';

type Output = IamOutput<'GetAccountAuthorizationDetails'>;
type Detail<Name extends keyof Output> =
  NonNullable<Output[Name]> extends (infer One)[] ? One : never;

type Entity =
  | { kind: 'User'; row: UserTable }
  | { kind: 'Group'; row: GroupTable }
  | { kind: 'Role'; row: RoleTable }
  | { kind: 'LocalManagedPolicy' | 'AWSManagedPolicy'; row: ManagedPolicyTable };

export const DETAIL_ACTIONS: IamHandlers<'GetAccountAuthorizationDetails'> = {
  GetAccountAuthorizationDetails: async (app, { accountId, region }, input) => {
    const db = app.store.query;
    const wanted = input.Filter ?? [];
    const all = await listEntities(db, accountId);
    const found = all.filter(({ kind }) => wanted.length === 0 || wanted.includes(kind));
    const action = `GetAccountAuthorizationDetails/${[...wanted].sort().join()}`;
    const sortKey = ({ kind, row }: Entity) => `${kind}/${row.name}`;
    const page = takeMarked(found, input, { action, sortKey });
    const details = { ...EMPTY(), ...page.markers };
    for (const entity of page.items) await add(db, details, entity, { accountId, region });
    return details;
  },
};

const EMPTY = () => ({
  UserDetailList: [] as Detail<'UserDetailList'>[],
  GroupDetailList: [] as Detail<'GroupDetailList'>[],
  RoleDetailList: [] as Detail<'RoleDetailList'>[],
  Policies: [] as Detail<'Policies'>[],
});

/** Of AWS's policies those that somebody of the account has. */
async function listEntities(db: Queries, accountId: AccountId): Promise<Entity[]> {
  const users = await listNamed(db, 'user', accountId);
  const groups = await listNamed(db, 'iamGroup', accountId);
  const roles = await listNamed(db, 'role', accountId);
  const own = await listNamed(db, 'managedPolicy', accountId);
  const attached = await countAttachments(db, accountId);
  const aws = [...AWS_POLICIES.keys()].filter((arn) => (attached.get(arn) ?? 0) > 0);
  return [
    ...users.map((row) => ({ kind: 'User' as const, row })),
    ...groups.map((row) => ({ kind: 'Group' as const, row })),
    ...roles.map((row) => ({ kind: 'Role' as const, row })),
    ...own.map((row) => ({ kind: 'LocalManagedPolicy' as const, row })),
    ...aws.map((arn) => ({ kind: 'AWSManagedPolicy' as const, row: awsPolicy(arn) })),
  ];
}

interface Place {
  accountId: AccountId;
  region: string;
}

async function add(
  db: Queries,
  details: ReturnType<typeof EMPTY>,
  { kind, row }: Entity,
  place: Place,
): Promise<void> {
  if (kind === 'User') details.UserDetailList.push(await describeUser(db, row));
  else if (kind === 'Group') details.GroupDetailList.push(await describeGroup(db, row));
  else if (kind === 'Role') details.RoleDetailList.push(await describeRole(db, row, place));
  else details.Policies.push(await describePolicy(db, row, place));
}

async function describeUser(db: Queries, row: UserTable): Promise<Detail<'UserDetailList'>> {
  const groups = await listGroupsOf(db, row.id);
  return {
    ...renderUser(row, await listIamTags(db, row.id)),
    UserPolicyList: await listOwn(db, row.id),
    GroupList: groups.map(({ name }) => name),
    AttachedManagedPolicies: await listManaged(db, row.id),
  };
}

async function describeGroup(db: Queries, row: GroupTable): Promise<Detail<'GroupDetailList'>> {
  return {
    ...renderGroup(row),
    GroupPolicyList: await listOwn(db, row.id),
    AttachedManagedPolicies: await listManaged(db, row.id),
  };
}

async function describeRole(
  db: Queries,
  row: RoleTable,
  { region }: Place,
): Promise<Detail<'RoleDetailList'>> {
  const shown = await showTrust(db, row);
  const profiles = await listProfilesOfRole(db, row.id);
  const role = renderRole(shown, await listIamTags(db, row.id));
  // What GetRole has and this has not.
  const { Description: _text, MaxSessionDuration: _seconds, ...rest } = role;
  return {
    ...rest,
    InstanceProfileList: profiles.map((profile) => renderProfile(profile, shown)),
    RolePolicyList: await listOwn(db, row.id),
    AttachedManagedPolicies: await listManaged(db, row.id),
    RoleLastUsed:
      row.lastUsedAt === null ? {} : { LastUsedDate: new Date(row.lastUsedAt), Region: region },
  };
}

async function describePolicy(
  db: Queries,
  policy: ManagedPolicyTable,
  { accountId }: Place,
): Promise<Detail<'Policies'>> {
  const { arn } = policy;
  const attached = (await countAttachments(db, accountId)).get(arn) ?? 0;
  const bounding = (await listBounded(db, accountId, arn)).length;
  const { Tags: _tags, ...shown } = renderPolicy(policy, { attached, bounding });
  const aws = AWS_POLICIES.get(arn);
  const versions =
    aws === undefined ? await listVersions(db, policy.id) : [versionOfAws(policy, aws.document)];
  const PolicyVersionList = versions.map((version) => ({
    ...renderVersion(version, policy),
    Document: encodeDocument(version.document),
  }));
  return { ...shown, PolicyVersionList };
}

async function listOwn(db: Queries, id: string) {
  return (await listInline(db, [id])).map(({ name, document }) => ({
    PolicyName: name,
    PolicyDocument: encodeDocument(document),
  }));
}

async function listManaged(db: Queries, id: string) {
  return (await listAttachments(db, [id])).map(({ policyArn }) => ({
    PolicyName: policyArn.slice(policyArn.lastIndexOf('/') + 1),
    PolicyArn: policyArn,
  }));
}
