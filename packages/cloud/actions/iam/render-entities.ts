// Owns how users, groups, roles, policies and instance profiles look in IAM's answers.

import type * as wire from '@ironbark/protocol/iam/types.ts';
import { entityArn } from '../../app/iam/names.ts';
import type { UserTable } from '../../store/account-schema.ts';
import type {
  GroupTable,
  InstanceProfileTable,
  ManagedPolicyTable,
  PolicyVersionTable,
  RoleTable,
} from '../../store/iam-schema.ts';

export interface EntityTag {
  key: string;
  value: string;
}

export function renderTags(tags: readonly EntityTag[]): { Key: string; Value: string }[] {
  return tags.map(({ key, value }) => ({ Key: key, Value: value }));
}

function optionalTags(tags: readonly EntityTag[]): { Tags?: { Key: string; Value: string }[] } {
  return tags.length === 0 ? {} : { Tags: renderTags(tags) };
}

function renderBoundary(arn: string | null): Pick<wire.User, 'PermissionsBoundary'> {
  if (arn === null) return {};
  const type = 'PermissionsBoundaryPolicy' as const;
  return {
    PermissionsBoundary: { PermissionsBoundaryType: type, PermissionsBoundaryArn: arn },
  };
}

export function renderUser(user: UserTable, tags: readonly EntityTag[] = []): wire.User {
  const { path, name, id, arn, createdAt, boundaryArn } = user;
  const base = {
    Path: path,
    UserName: name,
    UserId: id,
    Arn: arn,
    CreateDate: new Date(createdAt),
  };
  return { ...base, ...renderBoundary(boundaryArn), ...optionalTags(tags) };
}

export function renderGroup(group: GroupTable): wire.Group {
  const { path, name, id, createdAt } = group;
  const Arn = entityArn('group', group);
  return { Path: path, GroupName: name, GroupId: id, Arn, CreateDate: new Date(createdAt) };
}

/** RFC 3986, as IAM encodes documents in its answers. */
export function encodeDocument(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

export function renderRole(role: RoleTable, tags: readonly EntityTag[] = []): wire.Role {
  const { path, name, id, createdAt, trustPolicy, description, maxSessionSeconds } = role;
  return {
    Path: path,
    RoleName: name,
    RoleId: id,
    Arn: entityArn('role', role),
    CreateDate: new Date(createdAt),
    AssumeRolePolicyDocument: encodeDocument(trustPolicy),
    ...(description === null ? {} : { Description: description }),
    MaxSessionDuration: maxSessionSeconds,
    ...renderBoundary(role.boundaryArn),
    ...optionalTags(tags),
  };
}

export function renderProfile(
  profile: InstanceProfileTable,
  role: RoleTable | undefined,
  tags: readonly EntityTag[] = [],
): wire.InstanceProfile {
  return {
    Path: profile.path,
    InstanceProfileName: profile.name,
    InstanceProfileId: profile.id,
    Arn: entityArn('instance-profile', profile),
    CreateDate: new Date(profile.createdAt),
    Roles: role === undefined ? [] : [renderRole(role)],
    ...optionalTags(tags),
  };
}

export interface PolicyCounts {
  attached: number;
  bounding: number;
}

export function renderPolicy(
  policy: ManagedPolicyTable,
  { attached, bounding }: PolicyCounts,
  tags: readonly EntityTag[] = [],
): wire.Policy {
  return {
    PolicyName: policy.name,
    PolicyId: policy.id,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: `v${policy.defaultVersion}`,
    AttachmentCount: attached,
    PermissionsBoundaryUsageCount: bounding,
    IsAttachable: true,
    ...(policy.description === null ? {} : { Description: policy.description }),
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
    ...optionalTags(tags),
  };
}

export function renderVersion(row: PolicyVersionTable, policy: { defaultVersion: number }) {
  return {
    VersionId: `v${row.version}`,
    IsDefaultVersion: row.version === policy.defaultVersion,
    CreateDate: new Date(row.createdAt),
  };
}
